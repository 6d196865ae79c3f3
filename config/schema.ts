// Every key of the configuration: type, bounds, default, what it means. A new key is added here (in runtime.ts and
// health-check-schema.ts for those of such a block); the error messages, the reference and the test of the sample with every key follow from it.
import * as Type from 'typebox';
import { HealthCheckSchema } from './health-check-schema.ts';
import { judgeAddress, judgeHost, judgePeer } from './host.ts';
import { CLOSED, judged, words } from './keywords.ts';
import { judgeNetwork } from './networks.ts';
import { RuntimeSchema } from './runtime.ts';
import { judgeSource } from './source.ts';
import { judgeUnix } from './unix.ts';

const MAX_SERVICES = 64;
/** Of both lists of `access` together. */
export const MAX_NETWORKS = 10_000;
/** Over all services. */
export const MAX_BACKENDS = 1024;
export const MAX_WEIGHT = 256;

/** Of the keys that have one for every machine and number of backends. */
export const DEFAULTS = {
  port: 9295,
  bind_address: '0.0.0.0',
  method: 'round_robin',
  log_level: 'info',
  engine: 'auto',
  log_connections: 'failed',
  'backends.weight': 1,
  'backends.backup': false,
  send_proxy_protocol: 'none',
  'backends.max_connections': 0,
} as const;

const port = { minimum: 1, maximum: 65_535 } as const;

const SEND_PROXY_PROTOCOL = ['none', 'v1', 'v2'] as const;

const BackendSchema = Type.Object(
  {
    host: Type.Optional(
      judged(judgePeer, {
        defaultText: { en: 'required, without `unix`', ko: '필수 (`unix`가 없으면)' },
        ...words('IPv4 or IPv6 address, or a name', 'IPv4/IPv6 주소 또는 이름'),
      }),
    ),
    port: Type.Optional(
      Type.Integer({
        ...port,
        defaultText: { en: 'required, without `unix`', ko: '필수 (`unix`가 없으면)' },
        ...words('TCP port of the backend', '백엔드의 TCP 포트'),
      }),
    ),
    unix: Type.Optional(
      judged(judgeUnix, {
        ...words('path of a Unix socket, instead of host and port', '`host`와 `port` 대신 쓰는 유닉스 소켓의 경로'),
      }),
    ),
    weight: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_WEIGHT,
        default: DEFAULTS['backends.weight'],
        ...words(
          'its share of the connections, in proportion to the others; 0: no new ones',
          '다른 백엔드에 대한 연결 비율; 0: 새 연결 없음',
        ),
      }),
    ),
    backup: Type.Optional(
      Type.Boolean({
        default: DEFAULTS['backends.backup'],
        ...words(
          'used only while no other backend of the service is usable',
          '서비스의 다른 백엔드를 하나도 쓸 수 없을 때만 사용',
        ),
      }),
    ),
    max_connections: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        default: DEFAULTS['backends.max_connections'],
        ...words(
          'connections that it may have, over all workers; who comes beyond gets another one; 0: any number',
          '모든 워커를 합친 최대 연결 수; 넘으면 다른 백엔드로 보냄; 0: 제한 없음',
        ),
      }),
    ),
    send_proxy_protocol: Type.Optional(
      Type.Enum([...SEND_PROXY_PROTOCOL], {
        defaultText: { en: "the service's", ko: '서비스의 값' },
        ...words('the same for this backend', '이 백엔드에 대한 같은 설정'),
      }),
    ),
    source: Type.Optional(
      Type.Refine(
        Type.Unknown({
          judge: judgeSource,
          judgeList: judgeSource,
          typeText: { en: 'text, or list of texts', ko: '문자열 또는 문자열 목록' },
          defaultText: { en: "the system's choice", ko: '시스템이 선택' },
          ...words(
            'address of this machine from which bal connects to it, also for checks; of a list they take turns, so that more than the 28,000 connections of one address are possible',
            '이 백엔드에 연결할 때(검사 포함) 쓰는 이 머신의 주소; 목록이면 번갈아 써서 주소 하나의 한계인 28,000개보다 많이 연결할 수 있음',
          ),
        }),
        (value) => judgeSource(value) === null,
      ),
    ),
  },
  { ...CLOSED, least: ['host', 'port'] },
);

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
      'networks and addresses whose clients may come (`10.0.0.0/8`, `fd00::/8`, `10.0.0.7`); all others are then refused',
      '접속을 허용할 네트워크와 주소 (`10.0.0.0/8`, `fd00::/8`, `10.0.0.7`); 쓰면 나머지는 모두 거부',
    ),
    deny: networks(
      'those whose clients are refused; of networks in each other the smaller one counts, of the same one in both lists this',
      '접속을 거부할 네트워크와 주소; 서로 겹치면 더 작은 네트워크가, 두 목록에 똑같이 있으면 이것이 우선',
    ),
  },
  {
    ...CLOSED,
    defaultText: { en: 'everybody may come', ko: '누구나 접속 가능' },
    ...words(
      'who may come, by address: `allow` and `deny`, at most 10,000 networks in both; a service takes its own as a whole',
      '접속할 수 있는 주소: `allow`와 `deny`, 합쳐서 최대 10,000개; 서비스에 쓰면 통째로 대신함',
    ),
  },
);

/** The keys that a service has, and that at the top level are the defaults of every service. */
const serviceKeys = {
  port: Type.Optional(Type.Integer({ ...port, default: DEFAULTS.port, ...words('port to listen on', '수신 포트') })),
  bind_address: Type.Optional(
    judged(judgeHost, {
      default: DEFAULTS.bind_address,
      ...words(
        'address to listen on: IPv4, IPv6 or a name that resolves',
        '수신 주소: IPv4, IPv6 또는 해석할 수 있는 이름',
      ),
    }),
  ),
  method: Type.Optional(
    Type.Enum(['round_robin', 'least_connections', 'random', 'source_hash'], {
      default: DEFAULTS.method,
      ...words(
        "how a backend is chosen, each by weight: in turn; the fewest connections; the better of two drawn; by the client's address, so that it gets the same one again",
        '백엔드 선택 방법(모두 가중치를 따름): 차례대로; 연결이 가장 적은 곳; 무작위로 뽑은 둘 중 나은 곳; 클라이언트 주소에 따라 늘 같은 곳',
      ),
    }),
  ),
  send_proxy_protocol: Type.Optional(
    Type.Enum([...SEND_PROXY_PROTOCOL], {
      default: DEFAULTS.send_proxy_protocol,
      ...words(
        "each backend is told the client's address before anything else, in this version of the PROXY protocol, which it has to be set up for; so do checks of the backend's own port",
        '백엔드에 무엇보다 먼저 이 버전의 PROXY 프로토콜로 클라이언트 주소를 알림 (백엔드도 그렇게 설정해야 함); 백엔드 포트의 검사도 마찬가지',
      ),
    }),
  ),
  access: Type.Optional(AccessSchema),
  backends: Type.Optional(
    Type.Array(BackendSchema, {
      minItems: 1,
      maxItems: MAX_BACKENDS,
      defaultText: { en: 'required; in a service: those of the top level', ko: '필수; 서비스에서는 최상위의 값' },
      ...words('where connections go', '연결을 보낼 곳'),
    }),
  ),
  health_check: Type.Optional(HealthCheckSchema),
  runtime: Type.Optional(RuntimeSchema),
};

const ServiceSchema = Type.Object(serviceKeys, CLOSED);

export const ConfigSchema = Type.Object(
  {
    ...serviceKeys,
    log_level: Type.Optional(
      Type.Enum(['debug', 'info', 'warn', 'error'], {
        default: DEFAULTS.log_level,
        ...words('least important level that is logged', '기록할 최소 로그 수준'),
      }),
    ),
    log_connections: Type.Optional(
      Type.Enum(['none', 'failed', 'all'], {
        default: DEFAULTS.log_connections,
        ...words('which ended connections get a record in the log', '로그에 기록할 종료된 연결'),
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
    admin: Type.Optional(
      judged(judgeAddress, {
        defaultText: { en: 'off', ko: '꺼짐' },
        ...words(
          'address of the read-only admin page, metrics and readiness, such as `127.0.0.1:9296`',
          '읽기 전용 관리 페이지, 메트릭, 준비 상태의 주소 (예: `127.0.0.1:9296`)',
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
          'several listeners: name → `port`, `bind_address`, `method`, `backends`, `health_check`, `runtime`; what one leaves out comes from the top level',
          '여러 리스너: 이름 → `port`, `bind_address`, `method`, `backends`, `health_check`, `runtime`; 없는 값은 최상위 값을 따름',
        ),
      }),
    ),
    mode: Type.Optional(
      Type.Unknown({
        obsolete: true,
        ...words('from old files: accepted and ignored, with a warning', '옛 파일용: 무시하고 경고만 표시'),
      }),
    ),
  },
  CLOSED,
);

export type ConfigFile = Type.Static<typeof ConfigSchema>;
