// TLS on a connection of a check, and what went wrong with it.

import type { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { showBytes } from '../../../../config/bytes.ts';

export interface Secured {
  /** Asked for, and to be in the certificate; null: none is asked for, and the certificate must have the address. */
  readonly serverName: string | null;
  readonly address: string;
  /** False: any certificate will do. */
  readonly verify: boolean;
}

/** Made once: it reads all the authorities that this machine trusts. */
let context: SecureContext | undefined;

const SHOWN = 120;

/** Calls `ready` with the connection once it is secure, or `failed` with why it is not, at any time. */
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

/** OpenSSL's own words, where there are some: its messages are full of file names. */
function reasonOf(error: Error): string {
  const text = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  return showBytes(Buffer.from(text), SHOWN);
}
