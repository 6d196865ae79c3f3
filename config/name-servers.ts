// The name servers to ask for backend names: addresses with or without a port.
import { isIP } from 'node:net';
import { canonicalHost, isWildcard, judgeHost, splitAddress, withoutBrackets, type Complaint } from './host.ts';

export const MAX_NAME_SERVERS = 8;
const PORT = 53;

/** Returns why `text` is not a valid name server, or null. */
export function judgeNameServer(text: string): Complaint | null {
  const host = hostIn(text);
  if (isIP(host) !== 0 && !isWildcard(host)) return judgeHost(host);
  return {
    expected: 'expected the address of a name server, with or without a port',
    hint: 'for example "10.0.0.2", "127.0.0.1:5353" or "[2001:db8::53]:53"',
  };
}

function hostIn(text: string): string {
  return canonicalHost(withoutBrackets(splitAddress(text)?.host ?? text));
}

/** Returns the canonical spelling: `10.0.0.2:53`, `[2001:db8::53]:53`. */
export function nameServer(text: string): string {
  const host = hostIn(text);
  const port = splitAddress(text)?.port ?? PORT;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
