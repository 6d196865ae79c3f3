// The keys of a `runtime:` block: bounds, profile, meaning. See schema.ts.
import * as Type from 'typebox';
import { CLOSED, words } from './keywords.ts';

/** Defaults for ≤ 2, ≤ 5 and more backends. */
type Profile = readonly [number, number, number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function tuned(minimum: number, maximum: number, profile: Profile, description: string, ko: string) {
  return Type.Optional(Type.Integer({ minimum, maximum, tuned: profile, ...words(description, ko) }));
}

export const RuntimeSchema = Type.Object(
  {
    health_check_interval_ms: tuned(
      10,
      HOUR,
      [500, 700, 1000],
      'time between two checks of a backend that is down or unknown; a backend in doubt is checked after 0.3 of it, but not before 300 ms; a check starts only after the previous one has ended',
      'down이거나 상태를 모르는 백엔드의 검사 간격; 의심스러운 백엔드는 이 값의 0.3배(최소 300 ms) 뒤에 다시 검사; 앞의 검사가 끝나야 다음 검사를 시작',
    ),
    health_check_up_interval_ms: tuned(
      10,
      HOUR,
      [2000, 2000, 2000],
      'the same while the backend is up; if only `health_check_interval_ms` is set, that value applies',
      '백엔드가 up인 동안의 검사 간격; `health_check_interval_ms`만 설정하면 그 값을 따름',
    ),
    health_check_timeout_ms: tuned(
      10,
      10 * MINUTE,
      [800, 1000, 1200],
      'a check that takes longer fails',
      '이보다 오래 걸리는 검사는 실패',
    ),
    health_check_fail_threshold: tuned(
      1,
      1000,
      [2, 2, 3],
      'failed checks in a row after which a backend is down',
      '백엔드를 down으로 바꾸는 연속 실패 횟수',
    ),
    health_check_success_threshold: tuned(
      1,
      1000,
      [1, 1, 2],
      'passed checks in a row after which it is up again',
      '백엔드를 다시 up으로 바꾸는 연속 성공 횟수',
    ),
    backend_connect_timeout_ms: tuned(
      10,
      10 * MINUTE,
      [800, 1000, 1200],
      'timeout of one attempt to connect a client to a backend',
      '클라이언트를 백엔드에 연결하는 시도 한 번의 제한 시간',
    ),
    max_connect_attempts: tuned(
      0,
      1024,
      [0, 0, 0],
      'maximum number of backends to try for one client; 0: each one once',
      '클라이언트 하나를 위해 시도할 백엔드 수; 0이면 모두 한 번씩',
    ),
    failover_backoff_initial_ms: tuned(
      1,
      10 * MINUTE,
      [200, 300, 500],
      'first pause after a failed connect; doubles with each further failure',
      '연결 실패 후 첫 대기 시간; 실패할 때마다 두 배',
    ),
    failover_backoff_max_ms: tuned(
      1,
      HOUR,
      [5000, 7000, 10_000],
      'longest pause after a failed connect',
      '그 대기 시간의 상한',
    ),
    backend_cooldown_ms: tuned(
      0,
      HOUR,
      [500, 700, 1000],
      'shortest cool-down of a backend after a failed connect; a passed check ends it',
      '연결 실패 후 백엔드를 쉬게 하는 최소 시간; 검사에 성공하면 바로 끝',
    ),
    early_failure_threshold: tuned(
      0,
      1000,
      [5, 5, 5],
      'clients in a row that sent something and whose connection the backend ended without a byte, while other backends answer; bal then leaves the backend alone for a while; 0: off',
      '백엔드가 연결을 받고도 요청에 한 바이트도 답하지 않고 끊은 클라이언트가 연달아 이 수에 이르면(다른 백엔드는 답하는 동안) 잠시 쉬게 함; 0: 끔',
    ),
    slow_start_ms: tuned(
      0,
      HOUR,
      [0, 0, 0],
      'time in which a backend that is up again goes from a tenth of its weight to all of it; 0: at once',
      '다시 up이 된 백엔드의 가중치를 이 시간 동안 10분의 1에서 전부로 늘림; 0이면 바로 전부',
    ),
    protection_trigger_threshold: tuned(
      1,
      1_000_000,
      [10, 12, 14],
      'attempts within the window that are refused or time out, after which protection mode turns on',
      '이 횟수만큼 창 안에서 거부/시간 초과가 나면 보호 모드 ON',
    ),
    protection_window_ms: tuned(100, HOUR, [30_000, 30_000, 30_000], 'length of that window', '위 횟수를 세는 시간 창'),
    protection_stable_success_threshold: tuned(
      1,
      1_000_000,
      [12, 14, 16],
      'successes (connects and checks) in a row after which protection mode turns off',
      '보호 모드를 끄는 연속 성공(연결과 검사) 횟수',
    ),
    max_concurrent_connections: tuned(
      1,
      1_000_000,
      [4000, 8000, 12_000],
      'at the top level: limit of the whole instance; in a service: limit of that service',
      '최상위: 인스턴스 전체의 한도; 서비스 안: 그 서비스의 한도',
    ),
    max_connections_per_source: tuned(
      0,
      1_000_000,
      [0, 0, 0],
      'maximum number of connections of one address to a service at once; 0: no limit',
      '한 주소가 한 서비스에 동시에 맺을 수 있는 연결 수; 0이면 제한 없음',
    ),
    max_connection_rate_per_source: tuned(
      0,
      1_000_000,
      [0, 0, 0],
      'maximum number of new connections per second from one address to a service; 0: no limit',
      '한 주소가 한 서비스에 1초 동안 시작할 수 있는 연결 수; 0이면 제한 없음',
    ),
    max_connection_rate: tuned(
      0,
      1_000_000,
      [0, 0, 0],
      'maximum number of new connections per second to a service, from all addresses; 0: no limit',
      '모든 주소를 합쳐 한 서비스에 1초 동안 시작할 수 있는 연결 수; 0이면 제한 없음',
    ),
    connection_idle_timeout_ms: tuned(
      10,
      7 * 24 * HOUR,
      [HOUR, HOUR, HOUR],
      'a connection with no traffic in either direction for this long is closed',
      '양방향으로 이 시간 동안 아무것도 움직이지 않으면 연결을 닫음',
    ),
    connection_max_age_ms: tuned(
      0,
      7 * 24 * HOUR,
      [0, 0, 0],
      'a connection older than this, plus or minus a tenth, is closed so that load spreads again; 0: never',
      '연결이 이보다 오래되면(±10분의 1) 닫아 부하가 다시 퍼지게 함; 0이면 끔',
    ),
    tcp_keepalive_ms: tuned(
      0,
      7 * HOUR,
      [MINUTE, MINUTE, MINUTE],
      'silence after which TCP keepalive probes either side: six probes, 10 s apart; 0: never',
      '이 시간 동안 조용하면 양쪽에 TCP keepalive 탐침을 보냄 (10초 간격으로 여섯 번); 0이면 끔',
    ),
    half_closed_timeout_ms: tuned(
      10,
      7 * 24 * HOUR,
      [MINUTE, MINUTE, MINUTE],
      'how long a silent client stays connected after its backend has ended',
      '백엔드가 먼저 끝낸 뒤 조용한 클라이언트를 붙잡아 두는 최대 시간',
    ),
    on_backend_down: Type.Optional(
      Type.Enum(['keep', 'reset'], {
        tuned: ['keep', 'keep', 'keep'],
        ...words(
          'open connections of a backend that goes down: `keep` lets them continue as long as they can, `reset` cuts them at once, so that clients reconnect and get another backend',
          'down이 된 백엔드의 열린 연결: `keep`은 가능한 한 유지하고, `reset`은 바로 끊어 클라이언트가 다시 연결해 다른 백엔드를 쓰게 함',
        ),
      }),
    ),
    overload_policy: Type.Optional(
      Type.Enum(['reject', 'queue'], {
        tuned: ['reject', 'reject', 'reject'],
        ...words(
          'new clients over the limit, or when every backend is full: `reject` closes them at once, `queue` lets them wait without reading from them, first come, first served',
          '한도를 넘거나 모든 백엔드가 가득 찼을 때의 새 클라이언트: `reject`는 즉시 닫고, `queue`는 데이터를 읽지 않은 채 온 순서대로 기다리게 함',
        ),
      }),
    ),
    queue_timeout_ms: tuned(
      1,
      HOUR,
      [5000, 5000, 5000],
      'with `overload_policy: queue`: a client that has waited this long is closed',
      '`overload_policy: queue`일 때: 이 시간 동안 기다린 클라이언트는 닫음',
    ),
    queue_max: tuned(
      1,
      1_000_000,
      [1000, 1000, 1000],
      'with `overload_policy: queue`: maximum number of clients of a service that wait at once; further clients are closed',
      '`overload_policy: queue`일 때: 한 서비스에서 동시에 기다릴 수 있는 클라이언트 수; 넘으면 닫음',
    ),
    first_bytes_timeout_ms: tuned(
      10,
      10 * MINUTE,
      [5000, 5000, 5000],
      'how long a client may take to send what bal needs before it chooses a backend: a proxy its header (`accept_proxy_protocol`), a TLS client the server name that it requests (`server_name`)',
      '백엔드에 연결되기 전에 클라이언트가 먼저 보내야 하는 것을 기다리는 최대 시간: 프록시의 헤더(`accept_proxy_protocol`), TLS 클라이언트가 요청하는 서버 이름(`server_name`)',
    ),
    tcp_backlog: tuned(
      1,
      65_535,
      [4096, 4096, 4096],
      'backlog of the listening socket; the kernel caps it at net.core.somaxconn',
      '수신 소켓의 대기열; 커널이 net.core.somaxconn으로 제한',
    ),
    drain_timeout_ms: tuned(
      0,
      24 * HOUR,
      [30_000, 30_000, 30_000],
      'how long connections may take to finish on stop before bal cuts them',
      '중지할 때 연결이 끝나기를 기다리는 최대 시간; 지나면 끊음',
    ),
    reload_drain_timeout_ms: tuned(
      0,
      7 * 24 * HOUR,
      [0, 0, 0],
      'how long connections may continue in old workers after a reload before bal cuts them; 0: until they end',
      '리로드 뒤 이전 워커의 연결이 살아 있을 수 있는 최대 시간; 0이면 스스로 끝날 때까지',
    ),
    dns_max_age_ms: tuned(
      1000,
      24 * HOUR,
      [30_000, 30_000, 30_000],
      "how long bal uses the answer for a backend's name before it resolves the name again, unless the TTL of the records is shorter",
      '백엔드 이름의 해석 결과를 다시 묻기까지 쓰는 최대 시간 (레코드의 TTL이 더 짧으면 그 시간)',
    ),
  },
  {
    ...CLOSED,
    defaultText: { en: 'auto-tuned', ko: '자동 조정' },
    ...words('limits, times and thresholds: the second table', '한도, 시간, 임계값: 두 번째 표'),
  },
);

export type RuntimeValues = Required<Type.Static<typeof RuntimeSchema>>;
export type RuntimeKey = keyof RuntimeValues;
