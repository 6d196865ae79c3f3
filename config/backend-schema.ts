// The keys of a backend: bounds, defaults, meaning. See schema.ts.
import * as Type from 'typebox';
import { DEFAULTS } from './defaults.ts';
import { judgePeer } from './host.ts';
import { CLOSED, judged, words } from './keywords.ts';
import { judgeSource } from './source.ts';
import { judgeUnix } from './unix.ts';

export const MAX_WEIGHT = 256;
export const PORT = { minimum: 1, maximum: 65_535 } as const;
export const DISCOVER = ['address', 'all', 'srv'] as const;
export const SEND_PROXY_PROTOCOL = ['none', 'v1', 'v2'] as const;

export const BackendSchema = Type.Object(
  {
    host: Type.Optional(
      judged(judgePeer, {
        defaultText: { en: 'required, unless `unix` is set', ko: '필수 (`unix`가 없으면)' },
        ...words('IPv4 or IPv6 address, or a name', 'IPv4/IPv6 주소 또는 이름'),
      }),
    ),
    port: Type.Optional(
      Type.Integer({
        ...PORT,
        defaultText: {
          en: 'required, unless `unix` or `discover: srv` is set',
          ko: '필수 (`unix`, `discover: srv`가 없으면)',
        },
        ...words('TCP port of the backend', '백엔드의 TCP 포트'),
      }),
    ),
    unix: Type.Optional(
      judged(judgeUnix, {
        ...words('path of a Unix socket, instead of `host` and `port`', '`host`와 `port` 대신 쓰는 유닉스 소켓의 경로'),
      }),
    ),
    discover: Type.Optional(
      Type.Enum([...DISCOVER], {
        default: DEFAULTS['backends.discover'],
        ...words(
          'what the name resolves to: `address`: one backend, at the address that answers; `all`: one backend per address; `srv`: one per SRV record, which sets host, port, weight and priority. Backends come and go as the name server answers, without a reload',
          '이름이 뜻하는 것: `address`는 응답하는 주소의 백엔드 하나; `all`은 주소마다 하나; `srv`는 호스트, 포트, 가중치, 우선순위를 정하는 SRV 레코드마다 하나. 리로드 없이 네임 서버의 답에 따라 생기고 사라짐',
        ),
      }),
    ),
    weight: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_WEIGHT,
        default: DEFAULTS['backends.weight'],
        ...words(
          'share of the connections, relative to the other backends; 0: no new connections',
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
          'maximum number of connections to this backend, across all workers; further clients get another backend; 0: no limit',
          '모든 워커를 합친 최대 연결 수; 넘으면 다른 백엔드로 보냄; 0: 제한 없음',
        ),
      }),
    ),
    send_proxy_protocol: Type.Optional(
      Type.Enum([...SEND_PROXY_PROTOCOL], {
        defaultText: { en: "the service's", ko: '서비스의 값' },
        ...words('the same, for this backend only', '이 백엔드에 대한 같은 설정'),
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
            'address of this machine that bal connects from, also for checks; addresses in a list take turns, which allows more than the 28,000 connections of one address',
            '이 백엔드에 연결할 때(검사 포함) 쓰는 이 머신의 주소; 목록이면 번갈아 써서 주소 하나의 한계인 28,000개보다 많이 연결할 수 있음',
          ),
        }),
        (value) => judgeSource(value) === null,
      ),
    ),
  },
  { ...CLOSED, least: ['host', 'port'] },
);
