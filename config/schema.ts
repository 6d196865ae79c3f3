// Every key of the configuration: type, bounds, default, what it means. A new key is added here; the sample with every
// key, the reference and the error messages follow from it.
//
// Keywords beside those of JSON Schema: `ko` (the description in Korean), `tuned` (the default by number of backends,
// see tune.ts), `defaultText` (a default that is computed), `judge` (a closer look at a text), `names` (what the names
// of a free map look like).
import * as Type from 'typebox';
import { judgeHost, judgePeer, type Complaint } from './host.ts';

export const MAX_SERVICES = 64;
/** Over all services. */
export const MAX_BACKENDS = 1024;

/** Of the keys that have one for every machine and number of backends. */
export const DEFAULTS = {
  port: 9295,
  bind_address: '0.0.0.0',
  method: 'round_robin',
  log_level: 'info',
  engine: 'auto',
} as const;

/** A default for ≤ 2, ≤ 5 and more backends. */
export type Tuned<T> = readonly [T, T, T];

const CLOSED = { additionalProperties: false } as const;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function words(description: string, ko: string): { description: string; ko: string } {
  return { description, ko };
}

function tuned(minimum: number, maximum: number, profile: Tuned<number>, description: string, ko: string) {
  return Type.Optional(Type.Integer({ minimum, maximum, tuned: profile, ...words(description, ko) }));
}

function judged(judge: (text: string) => Complaint | null, options: Type.TStringOptions) {
  const check = (value: unknown) => typeof value !== 'string' || judge(value) === null;
  return Type.Refine(Type.String({ judge, ...options }), check);
}

const port = { minimum: 1, maximum: 65_535 } as const;

export const BackendSchema = Type.Object(
  {
    host: judged(judgePeer, words('IPv4 or IPv6 address, or a name', 'IPv4/IPv6 주소 또는 이름')),
    port: Type.Integer({ ...port, ...words('TCP port of the backend', '백엔드의 TCP 포트') }),
  },
  CLOSED,
);

export const RuntimeSchema = Type.Object(
  {
    health_check_interval_ms: tuned(
      10,
      HOUR,
      [500, 700, 1000],
      'between two checks of a backend; the next one starts only after the last has ended',
      '한 백엔드의 검사 간격; 앞의 검사가 끝나야 다음 검사를 시작',
    ),
    health_check_timeout_ms: tuned(
      10,
      10 * MINUTE,
      [800, 1000, 1200],
      'a check that takes longer has failed',
      '이보다 오래 걸리는 검사는 실패',
    ),
    health_check_fail_threshold: tuned(
      1,
      1000,
      [2, 2, 3],
      'failed checks in a row that take a backend down',
      '백엔드를 down으로 바꾸는 연속 실패 횟수',
    ),
    health_check_success_threshold: tuned(
      1,
      1000,
      [1, 1, 2],
      'passed checks in a row that bring it up again',
      '백엔드를 다시 up으로 바꾸는 연속 성공 횟수',
    ),
    backend_connect_timeout_ms: tuned(
      10,
      10 * MINUTE,
      [800, 1000, 1200],
      'for one attempt to connect a client to a backend',
      '클라이언트를 백엔드에 연결하는 시도 한 번의 제한 시간',
    ),
    failover_backoff_initial_ms: tuned(
      1,
      10 * MINUTE,
      [200, 300, 500],
      'first pause after a failed connect; doubles with each further failure',
      '연결 실패 후 첫 대기 시간; 실패할 때마다 두 배',
    ),
    failover_backoff_max_ms: tuned(1, HOUR, [5000, 7000, 10_000], 'longest such pause', '그 대기 시간의 상한'),
    backend_cooldown_ms: tuned(
      0,
      HOUR,
      [500, 700, 1000],
      'how long a backend is left alone at least after a failed connect; a passed check ends it',
      '연결 실패 후 백엔드를 쉬게 하는 최소 시간; 검사에 성공하면 바로 끝',
    ),
    protection_trigger_threshold: tuned(
      1,
      1_000_000,
      [10, 12, 14],
      'refused or timed out attempts within the window that turn protection mode on',
      '이 횟수만큼 창 안에서 거부/시간 초과가 나면 보호 모드 ON',
    ),
    protection_window_ms: tuned(
      100,
      HOUR,
      [30_000, 30_000, 30_000],
      'the window for that threshold',
      '위 횟수를 세는 시간 창',
    ),
    protection_stable_success_threshold: tuned(
      1,
      1_000_000,
      [12, 14, 16],
      'successes (connects and checks) in a row that turn protection mode off',
      '보호 모드를 끄는 연속 성공(연결과 검사) 횟수',
    ),
    max_concurrent_connections: tuned(
      1,
      1_000_000,
      [4000, 8000, 12_000],
      'at the top level: limit of the whole instance; in a service: limit of that service',
      '최상위: 인스턴스 전체의 한도; 서비스 안: 그 서비스의 한도',
    ),
    connection_idle_timeout_ms: tuned(
      10,
      7 * 24 * HOUR,
      [120_000, 120_000, 120_000],
      'a connection without a byte in either direction for this long is closed',
      '양방향으로 이 시간 동안 한 바이트도 없으면 연결을 닫음',
    ),
    overload_policy: Type.Optional(
      Type.Enum(['reject'], {
        tuned: ['reject', 'reject', 'reject'],
        ...words('new clients beyond the limit are closed at once', '한도를 넘은 새 클라이언트는 즉시 닫음'),
      }),
    ),
    tcp_backlog: tuned(
      1,
      65_535,
      [4096, 4096, 4096],
      'queue of the listening socket; the kernel caps it at net.core.somaxconn',
      '수신 소켓의 대기열; 커널이 net.core.somaxconn으로 제한',
    ),
    drain_timeout_ms: tuned(
      0,
      24 * HOUR,
      [30_000, 30_000, 30_000],
      'how long connections may take to finish on stop and reload before they are cut',
      '중지/리로드 때 연결이 끝나기를 기다리는 최대 시간; 지나면 끊음',
    ),
  },
  CLOSED,
);

/** The keys that a service has, and that at the top level are the defaults of every service. */
const serviceKeys = {
  port: Type.Optional(Type.Integer({ ...port, default: DEFAULTS.port, ...words('port to listen on', '수신 포트') })),
  bind_address: Type.Optional(
    judged(judgeHost, {
      default: DEFAULTS.bind_address,
      ...words('address to listen on: IPv4, IPv6 or a name that resolves', '수신 주소: IPv4, IPv6 또는 이름'),
    }),
  ),
  method: Type.Optional(
    Type.Enum(['round_robin', 'least_connections'], {
      default: DEFAULTS.method,
      ...words('how a backend is chosen', '백엔드 선택 방법'),
    }),
  ),
  backends: Type.Optional(
    Type.Array(BackendSchema, {
      minItems: 1,
      maxItems: MAX_BACKENDS,
      ...words('where connections go', '연결을 보낼 곳'),
    }),
  ),
  runtime: Type.Optional(RuntimeSchema),
};

export const ServiceSchema = Type.Object(serviceKeys, CLOSED);

export const ConfigSchema = Type.Object(
  {
    ...serviceKeys,
    log_level: Type.Optional(
      Type.Enum(['debug', 'info', 'warn', 'error'], {
        default: DEFAULTS.log_level,
        ...words('least important level that is logged', '기록할 최소 로그 수준'),
      }),
    ),
    workers: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        defaultText: { en: 'one per available core', ko: '사용 가능한 코어마다 하나' },
        ...words('worker processes', '워커 프로세스 수'),
      }),
    ),
    engine: Type.Optional(
      Type.Enum(['auto', 'native', 'js'], {
        default: DEFAULTS.engine,
        ...words(
          '`auto` takes `native` where it was built, else `js`',
          '`auto`는 빌드되어 있으면 `native`, 아니면 `js`',
        ),
      }),
    ),
    services: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' }), ServiceSchema, {
        ...CLOSED,
        minProperties: 1,
        maxProperties: MAX_SERVICES,
        names: "a name of at most 63 letters, digits, '-' and '_' that begins with a letter or digit",
        ...words(
          'several listeners: a map of name to the keys above; what a service leaves out comes from the top level',
          '여러 리스너: 이름 → 위의 키들; 서비스에 없는 값은 최상위 값을 따름',
        ),
      }),
    ),
    mode: Type.Optional(
      Type.Unknown(words('from old files: accepted and ignored, with a warning', '옛 파일용: 무시하고 경고만 표시')),
    ),
  },
  CLOSED,
);

export type ConfigFile = Type.Static<typeof ConfigSchema>;
export type RuntimeValues = Required<Type.Static<typeof RuntimeSchema>>;
export type RuntimeKey = keyof RuntimeValues;
