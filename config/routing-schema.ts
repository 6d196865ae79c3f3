// The keys by which services share a port: bounds, meaning. See schema.ts. Only a service can set them: a default would be the
// same for all.
import * as Type from 'typebox';
import type { Complaint } from './host.ts';
import { words } from './keywords.ts';
import { judgeProtocols, judgeServerNames } from './server-name.ts';

/** A text, or a list of texts. */
function texts(judge: (value: unknown) => Complaint | null, anyText: { en: string; ko: string }, meaning: object) {
  return Type.Optional(
    Type.Refine(
      Type.Unknown({
        judge,
        judgeList: judge,
        typeText: { en: 'text, or list of texts', ko: '문자열 또는 문자열 목록' },
        defaultText: anyText,
        ...meaning,
      }),
      (value) => judge(value) === null,
    ),
  );
}

export const RoutingKeys = {
  server_name: texts(
    judgeServerNames,
    { en: 'whatever no other service on the port matches', ko: '그 포트의 다른 서비스에 맞지 않는 모든 것' },
    words(
      'accepts only TLS clients that request one of these servers: exact names, or `*.example.com` for one or more labels before it; the most specific one wins. This lets services share a port (and bind_address); all but one of them need such names or `alpn`. bal decrypts nothing',
      '이 서버 가운데 하나를 요청하는 TLS 클라이언트만: 정확한 이름, 또는 앞에 라벨이 하나 이상 붙는 `*.example.com`; 가장 구체적인 것이 우선. 이렇게 여러 서비스가 포트(와 bind_address)를 함께 쓰며, 하나만 빼고 모두 이런 이름이나 `alpn`이 있어야 함; 암호는 풀지 않음',
    ),
  ),
  alpn: texts(
    judgeProtocols,
    { en: 'any', ko: '모두' },
    words(
      'accepts only TLS clients that offer one of these protocols (`h2`, `http/1.1`) and match `server_name`, if set; among services with the same name, the first protocol that the client offers decides',
      '이 프로토콜(`h2`, `http/1.1`) 가운데 하나를 제안하는 TLS 클라이언트만, 이름이 있으면 이름도 맞아야 함; 같은 이름의 서비스들 사이에서는 클라이언트가 먼저 제안한 프로토콜이 결정',
    ),
  ),
};
