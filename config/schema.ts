// Every key of the configuration: type, bounds, default, meaning. Add a new key here (or in runtime.ts or
// health-check-schema.ts for those blocks); error messages, the reference and the test of the complete sample follow from it.
import * as Type from 'typebox';
import { BackendSchema, PORT, SEND_PROXY_PROTOCOL } from './backend-schema.ts';
import { DEFAULTS } from './defaults.ts';
import { judgeNameServer, MAX_NAME_SERVERS } from './name-servers.ts';
import { IncludeKey } from './include/include-schema.ts';
import { HealthCheckSchema } from './health-check-schema.ts';
import { judgeGroup } from './groups.ts';
import { judgeAddress, judgeHost } from './host.ts';
import { CLOSED, judged, words } from './keywords.ts';
import { judgeNetwork } from './networks.ts';
import { AcceptProxySchema } from './proxy-schema.ts';
import { RoutingKeys } from './routing-schema.ts';
import { RuntimeSchema } from './runtime.ts';
import { judgeMode, judgeUnix } from './unix.ts';

const MAX_ADMIN_HOSTS = 32;
export const MAX_SERVICES = 64;
/** In both lists of `access` together. */
export const MAX_NETWORKS = 10_000;
/** Over all services. */
export const MAX_BACKENDS = 1024;

function networks(description: string, ko: string) {
  return Type.Optional(
    Type.Array(judged(judgeNetwork, {}), {
      maxItems: MAX_NETWORKS,
      defaultText: { en: 'none', ko: '없음' },
      ...words(description, ko),
    }),
  );
}

const AccessSchema = Type.Object(
  {
    allow: networks(
      'networks and addresses that may connect (`10.0.0.0/8`, `fd00::/8`, `10.0.0.7`); if set, everyone else is refused',
      '접속을 허용할 네트워크와 주소 (`10.0.0.0/8`, `fd00::/8`, `10.0.0.7`); 쓰면 나머지는 모두 거부',
    ),
    deny: networks(
      'networks and addresses that are refused; the most specific network wins, and `deny` wins if both lists have the same one',
      '접속을 거부할 네트워크와 주소; 서로 겹치면 더 작은 네트워크가, 두 목록에 똑같이 있으면 이것이 우선',
    ),
  },
  {
    ...CLOSED,
    defaultText: { en: 'everyone may connect', ko: '누구나 접속 가능' },
    ...words(
      "who may connect, by client address: `allow` and `deny`, together at most 10,000 networks; a service's block replaces the top level's as a whole",
      '접속할 수 있는 주소: `allow`와 `deny`, 합쳐서 최대 10,000개; 서비스에 쓰면 통째로 대신함',
    ),
  },
);

/** The keys of a service; at the top level they are the defaults of every service. */
const serviceKeys = {
  port: Type.Optional(Type.Integer({ ...PORT, default: DEFAULTS.port, ...words('port to listen on', '수신 포트') })),
  bind_address: Type.Optional(
    judged(judgeHost, {
      default: DEFAULTS.bind_address,
      ...words(
        'address to listen on: IPv4, IPv6 or a name; bal listens on every address of a name',
        '수신 주소: IPv4, IPv6 또는 이름(모든 주소에서 수신)',
      ),
    }),
  ),
  bind_unix: Type.Optional(
    judged(judgeUnix, {
      defaultText: { en: 'none', ko: '없음' },
      ...words(
        'path of a Unix socket to listen on, instead of a port, or in addition to one that the same block sets',
        '수신할 유닉스 소켓의 경로: 포트 대신, 또는 같은 블록에 쓴 포트와 함께',
      ),
    }),
  ),
  bind_unix_mode: Type.Optional(
    judged(judgeMode, {
      default: DEFAULTS.bind_unix_mode,
      ...words(
        'permissions of that socket: who may connect, in the form that `chmod` takes, in quotes',
        '그 소켓에 연결할 수 있는 사용자 (`chmod` 형식, 따옴표 안에)',
      ),
    }),
  ),
  method: Type.Optional(
    Type.Enum(['round_robin', 'least_connections', 'random', 'source_hash'], {
      default: DEFAULTS.method,
      ...words(
        'how a backend is chosen, always by weight: in turn; the fewest connections; the better of two picked at random; by client address, so that a client gets the same backend again',
        '백엔드 선택 방법(모두 가중치를 따름): 차례대로; 연결이 가장 적은 곳; 무작위로 뽑은 둘 중 나은 곳; 클라이언트 주소에 따라 늘 같은 곳',
      ),
    }),
  ),
  send_proxy_protocol: Type.Optional(
    Type.Enum([...SEND_PROXY_PROTOCOL], {
      default: DEFAULTS.send_proxy_protocol,
      ...words(
        "sends backends the client's address first, in this version of the PROXY protocol; they must be configured for it. Checks of the backend's own port send it too",
        '백엔드에 무엇보다 먼저 이 버전의 PROXY 프로토콜로 클라이언트 주소를 알림 (백엔드도 그렇게 설정해야 함); 백엔드 포트의 검사도 마찬가지',
      ),
    }),
  ),
  accept_proxy_protocol: Type.Optional(AcceptProxySchema),
  access: Type.Optional(AccessSchema),
  backends: Type.Optional(
    Type.Array(BackendSchema, {
      minItems: 1,
      maxItems: MAX_BACKENDS,
      defaultText: { en: "required; in a service: the top level's", ko: '필수; 서비스에서는 최상위의 값' },
      ...words('where connections go', '연결을 보낼 곳'),
    }),
  ),
  health_check: Type.Optional(HealthCheckSchema),
  runtime: Type.Optional(RuntimeSchema),
};

const ServiceSchema = Type.Object({ ...serviceKeys, ...RoutingKeys }, CLOSED);

export const ConfigSchema = Type.Object(
  {
    ...serviceKeys,
    log_level: Type.Optional(
      Type.Enum(['debug', 'info', 'warn', 'error'], {
        default: DEFAULTS.log_level,
        ...words('lowest level that is logged', '기록할 최소 로그 수준'),
      }),
    ),
    log_connections: Type.Optional(
      Type.Enum(['none', 'failed', 'all'], {
        default: DEFAULTS.log_connections,
        ...words('which connections get a log record when they end', '로그에 기록할 종료된 연결'),
      }),
    ),
    workers: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        defaultText: {
          en: 'one per available core, or per core of its CPU quota',
          ko: '사용 가능한 코어 또는 CPU 할당량만큼',
        },
        ...words('number of worker processes', '워커 프로세스 수'),
      }),
    ),
    engine: Type.Optional(
      Type.Enum(['auto', 'native', 'js'], {
        default: DEFAULTS.engine,
        ...words('`auto`: `native` if it was built, otherwise `js`', '`auto`는 빌드되어 있으면 `native`, 아니면 `js`'),
      }),
    ),
    admin: Type.Optional(
      judged(judgeAddress, {
        defaultText: { en: 'off', ko: '꺼짐' },
        ...words(
          'address of the read-only admin page, metrics and readiness, such as `127.0.0.1:9296`',
          '읽기 전용 관리 페이지, 메트릭, 준비 상태의 주소 (예: `127.0.0.1:9296`)',
        ),
      }),
    ),
    dns_servers: Type.Optional(
      Type.Array(judged(judgeNameServer, {}), {
        minItems: 1,
        maxItems: MAX_NAME_SERVERS,
        defaultText: { en: "the system's", ko: '시스템의 네임 서버' },
        ...words(
          "name servers that resolve the names of backends, in this order, instead of the system's: `10.0.0.2`, `127.0.0.1:5353`; names must then be fully qualified, and `/etc/hosts` is not read",
          '시스템의 네임 서버 대신 백엔드 이름을 물을 네임 서버 (순서대로): `10.0.0.2`, `127.0.0.1:5353`; 이때 이름은 완전해야 하며 `/etc/hosts`는 보지 않음',
        ),
      }),
    ),
    admin_hosts: Type.Optional(
      Type.Array(judged(judgeHost, {}), {
        minItems: 1,
        maxItems: MAX_ADMIN_HOSTS,
        defaultText: { en: 'none', ko: '없음' },
        ...words(
          'names that `admin` answers to, besides addresses and `localhost`; it refuses all others as a protection against DNS rebinding',
          '주소와 `localhost` 외에 `admin`이 응답할 이름; 다른 이름으로는 브라우저가 속아서 올 수 있음(DNS rebinding)',
        ),
      }),
    ),
    control_group: Type.Optional(
      judged(judgeGroup, {
        defaultText: { en: 'none', ko: '없음' },
        ...words(
          'group whose members may query this bal (`status`, `why`, `events`, `top`, `doctor`) but change nothing; a name or a number',
          '이 bal에 물어볼 수만 있는 그룹의 이름이나 번호 (`status`, `why`, `events`, `top`, `doctor`); 바꾸는 명령은 못 씀',
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
          'several listeners: name → the keys above (`port`, `backends`, `runtime`, …) and those below; a key that a service leaves out comes from the top level',
          '여러 리스너: 이름 → 위의 키(`port`, `backends`, `runtime` 등)와 아래의 키; 없는 값은 최상위 값을 따름',
        ),
      }),
    ),
    include: IncludeKey,
    mode: Type.Optional(
      Type.Unknown({
        obsolete: true,
        ...words('from old files: ignored, with a warning', '옛 파일용: 무시하고 경고만 표시'),
      }),
    ),
  },
  CLOSED,
);

export type ConfigFile = Type.Static<typeof ConfigSchema>;
