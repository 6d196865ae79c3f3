// The key for proxies in front of bal: bounds, default, meaning. See schema.ts.
import * as Type from 'typebox';
import { CLOSED, judged, words } from './keywords.ts';
import { judgeNetwork } from './networks.ts';

const MAX_PROXY_NETWORKS = 256;

export const AcceptProxySchema = Type.Object(
  {
    from: Type.Array(judged(judgeNetwork, {}), {
      minItems: 1,
      maxItems: MAX_PROXY_NETWORKS,
      ...words('networks (CIDR) and addresses of these proxies', '이 프록시들의 네트워크(CIDR)와 주소'),
    }),
  },
  {
    ...CLOSED,
    defaultText: { en: 'off', ko: '꺼짐' },
    ...words(
      'peers that are proxies: each must first send a PROXY protocol header (version 1 or 2) that names its client. It is not expected from anyone else. bal then uses the address in the header as the client address everywhere',
      '이 상대들은 프록시이므로 무엇보다 먼저 PROXY 프로토콜(버전 1 또는 2)로 클라이언트가 누구인지 알려야 함; 다른 상대에게는 묻지 않음. 그 뒤로는 어디서나 그 주소가 클라이언트의 주소',
    ),
  },
);
