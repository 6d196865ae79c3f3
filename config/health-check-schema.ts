// The keys of a `health_check:` block: bounds, defaults, meaning. See schema.ts. health-check.ts says which keys go together.
import { isIP } from 'node:net';
import * as Type from 'typebox';
import { judgeBytes } from './bytes.ts';
import { statusRangeOf } from './health-check.ts';
import { judgeHost, withoutBrackets, type Complaint } from './host.ts';
import { CLOSED, judged, words } from './keywords.ts';

export const HEALTH_CHECK_DEFAULTS = {
  type: 'tcp',
  path: '/',
  expect_status: ['200-399'],
  match: 'begins',
  tls: false,
  verify: true,
} as const;

/** A check sends and expects a few words; they are kept for every backend. */
const MAX_BYTES = 1024;

function judgePath(text: string): Complaint | null {
  if (/^\/[\x21-\x7e]{0,1023}$/.test(text)) return null;
  const hint = text.startsWith('/') ? 'write spaces and the like as %20' : 'for example "/health"';
  return { expected: 'expected a path that begins with "/"', hint };
}

/** Judges a Host header: a name or an address, with or without a port. */
function judgeAuthority(text: string): Complaint | null {
  const [, host = '', port = '1'] = /^(.*?|\[.*\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  return isPort && judgeHost(host) === null
    ? null
    : { expected: 'expected a host name, with or without a port', hint: null };
}

function judgeServerName(text: string): Complaint | null {
  if (isIP(withoutBrackets(text)) === 0) return judgeHost(text);
  return { expected: 'expected a host name', hint: 'TLS has no server name that is an address' };
}

function judgeExpected(text: string): Complaint | null {
  return text === '' ? { expected: 'expected at least one byte', hint: null } : judgeBounded(text);
}

function judgeBounded(text: string): Complaint | null {
  return text.length > MAX_BYTES
    ? { expected: `expected at most ${MAX_BYTES} characters`, hint: null }
    : judgeBytes(text);
}

function judgeStatus(value: unknown): Complaint | null {
  const expected = 'expected a status code 100..599 or a range such as "200-299"';
  return statusRangeOf(value) === null ? { expected, hint: null } : null;
}

export const HealthCheckSchema = Type.Object(
  {
    type: Type.Optional(
      Type.Enum(['tcp', 'http', 'expect', 'none'], {
        default: HEALTH_CHECK_DEFAULTS.type,
        ...words(
          "`tcp`: a connect; `http`: a GET request; `expect`: bytes in the response; `none`: no checks, only clients' connections count",
          '`tcp`: 연결 시도; `http`: GET 요청; `expect`: 응답의 바이트; `none`: 백엔드를 검사하지 않고 클라이언트가 겪은 것으로만 판단',
        ),
      }),
    ),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        defaultText: { en: "the backend's", ko: '백엔드의 포트' },
        ...words(
          "port to check; not with `none`. Clients' connections to the backend's own port then do not count as checks",
          '검사할 포트; `none`에는 없음. 이때 백엔드 포트에서 클라이언트가 겪은 것은 검사로 치지 않음',
        ),
      }),
    ),
    path: Type.Optional(
      judged(judgePath, {
        default: HEALTH_CHECK_DEFAULTS.path,
        ...words('`http`: path of the request, including the query', '`http`: 요청 경로 (쿼리 포함)'),
      }),
    ),
    host: Type.Optional(
      judged(judgeAuthority, {
        defaultText: { en: "the backend's host and port", ko: '백엔드의 호스트와 포트' },
        ...words('`http`: the Host header', '`http`: Host 헤더'),
      }),
    ),
    expect_status: Type.Optional(
      Type.Array(
        Type.Refine(Type.Unknown({ judge: judgeStatus }), (value) => judgeStatus(value) === null),
        {
          minItems: 1,
          maxItems: 16,
          defaultText: { en: '`200-399`', ko: '`200-399`' },
          ...words(
            '`http`: status codes and ranges that pass, such as `[200, "300-399"]`',
            '`http`: 통과로 볼 상태 코드와 범위 (예: `[200, "300-399"]`)',
          ),
        },
      ),
    ),
    send: Type.Optional(
      judged(judgeBounded, {
        defaultText: { en: 'nothing', ko: '없음' },
        ...words(
          '`expect`: what the check sends after it connects, with escapes: `"PING\\r\\n"`, `"\\x00"`',
          '`expect`: 연결되면 보낼 내용, 이스케이프 사용 가능: `"PING\\r\\n"`, `"\\x00"`',
        ),
      }),
    ),
    expect: Type.Optional(
      judged(judgeExpected, {
        defaultText: { en: 'required with `expect`', ko: '`expect`에서 필수' },
        ...words(
          '`expect`: bytes that a good response contains, with escapes',
          '`expect`: 정상 응답에 있어야 할 바이트, 이스케이프 사용 가능',
        ),
      }),
    ),
    match: Type.Optional(
      Type.Enum(['begins', 'contains'], {
        default: HEALTH_CHECK_DEFAULTS.match,
        ...words(
          '`expect`: the response begins with these bytes, or contains them in its first 64 KiB',
          '`expect`: 응답이 이 바이트로 시작하는지, 또는 첫 64 KiB 안에 있는지',
        ),
      }),
    ),
    tls: Type.Optional(
      Type.Boolean({
        default: HEALTH_CHECK_DEFAULTS.tls,
        ...words('`http`, `expect`: the check speaks TLS', '`http`, `expect`: 검사에 TLS 사용'),
      }),
    ),
    server_name: Type.Optional(
      judged(judgeServerName, {
        defaultText: { en: "the backend's host, if it is a name", ko: '백엔드의 호스트가 이름이면 그 이름' },
        ...words(
          '`tls`: the server name that the check requests and the certificate must match',
          '`tls`: 요청할 이름이자 인증서에 있어야 할 이름',
        ),
      }),
    ),
    verify: Type.Optional(
      Type.Boolean({
        default: HEALTH_CHECK_DEFAULTS.verify,
        ...words(
          '`tls`: the certificate must be valid and from an authority that Node.js trusts (`NODE_EXTRA_CA_CERTS` adds more); `false` for a self-signed certificate',
          '`tls`: 인증서가 유효하고 Node.js가 신뢰하는 기관의 것이어야 함 (`NODE_EXTRA_CA_CERTS`로 추가); 자체 서명이면 `false`',
        ),
      }),
    ),
  },
  {
    ...CLOSED,
    ...words(
      "how the backends are checked; a service's block replaces the top level's as a whole",
      '백엔드 검사 방법; 서비스의 블록은 최상위 블록을 통째로 대신함',
    ),
  },
);

export type HealthCheckBlock = Type.Static<typeof HealthCheckSchema>;
