// TLS on the connection of a check, and why it failed.

import type { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { showBytes } from '../../../../../config/bytes.ts';

export interface Secured {
  /** The SNI name, which the certificate must match; null: no SNI, and the certificate must contain the address. */
  readonly serverName: string | null;
  readonly address: string;
  /** False accepts any certificate. */
  readonly verify: boolean;
}

/** Created once, because it reads all CA certificates that this machine trusts. */
let context: SecureContext | undefined;

const SHOWN = 120;

/** Calls `ready` with the secured connection, or `failed` with the reason, which may come at any time. */
export function secure(
  socket: Socket,
  { serverName, address, verify }: Secured,
  ready: (secured: Socket) => void,
  failed: (fact: string) => void,
): void {
  context ??= createSecureContext();
  const secured = connect({
    socket,
    secureContext: context,
    rejectUnauthorized: verify,
    host: address,
    ...(serverName === null ? {} : { servername: serverName }),
  });
  secured.once('secureConnect', () => ready(secured));
  secured.on('error', (error) => failed(`TLS: ${reasonOf(error)}`));
}

/** Prefers OpenSSL's `reason`, because its messages are full of file names. */
function reasonOf(error: Error): string {
  const text = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  return showBytes(Buffer.from(text), SHOWN);
}
