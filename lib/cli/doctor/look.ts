// Probes one backend as its health check would.
import { connect, type Socket } from 'node:net';
import { checkStandsForConnect } from '../../../config/health-check.ts';
import { sendProxyOf, type BackendPlan, type ServicePlan } from '../../../config/plan.ts';
import { isPath } from '../../../config/unix.ts';
import { sourcesFor } from '../../engine/source.ts';
import { hangUp } from '../../hang-up.ts';
import { MAX_ADDRESSES, probe } from '../../primary/upstream/health/probe.ts';
import { preambleFor, questionFor } from '../../primary/upstream/health/question/question.ts';
import { ownHeader } from '../../proxy-protocol/header.ts';

interface Connected {
  readonly kind: 'connected';
  readonly ms: number;
  readonly ip: string;
}

interface CannotConnect {
  readonly kind: 'failed';
  readonly code: string;
}

export type Looked = Connected | CannotConnect | { readonly kind: 'answered wrongly'; readonly fact: string };

/**
 * Tries the addresses of a name in order, each with its share of the time, like a check; the first good one wins. Bal connects from
 * all sources in turn, so an address is good only if it is from each of them.
 */
export async function lookGently(
  ips: readonly string[],
  backend: BackendPlan,
  service: Pick<ServicePlan, 'healthCheck' | 'sendProxy'>,
  timeoutMs: number,
): Promise<Looked> {
  const asked = ips.slice(0, MAX_ADDRESSES);
  let last: Looked = { kind: 'failed', code: 'ENODATA' };
  for (const ip of asked) {
    last = { kind: 'failed', code: 'EADDRNOTAVAIL' };
    for (const source of sourcesFor(ip, backend.sources)) {
      last = await lookFrom(source, ip, backend, service, Math.ceil(timeoutMs / asked.length));
      if (last.kind !== 'connected') break;
    }
    if (last.kind === 'connected') break;
  }
  return last;
}

/**
 * Connects only once if the check is a connect or uses the backend's own port: some servers count connects. If the check uses
 * another port, also connects to the backend's own one, which clients use.
 */
async function lookFrom(
  source: string | undefined,
  ip: string,
  backend: BackendPlan,
  service: Pick<ServicePlan, 'healthCheck' | 'sendProxy'>,
  timeoutMs: number,
): Promise<Looked> {
  const { healthCheck: check } = service;
  const version = sendProxyOf(service, backend);
  const hello = version === 'none' ? null : ownHeader(version);
  const isAtOwnPort = checkStandsForConnect(check);
  const question = questionFor(check, backend);
  if (question === null || !isAtOwnPort) {
    const connected = await connectGently(source, ip, backend.port, hello, timeoutMs);
    if (connected.kind !== 'connected' || isAtOwnPort) return connected;
  }
  const from = performance.now();
  const port = check.type === 'none' ? backend.port : (check.port ?? backend.port);
  const sockets = { open: new Set<Socket>(), signal: new AbortController().signal };
  const preamble = preambleFor(service, backend);
  const probed = await probe([ip], { port, timeoutMs, preamble, question, source: () => source }, sockets);
  if (probed.ok) return { kind: 'connected', ip, ms: Math.ceil(performance.now() - from) };
  if (probed.cause === 'bad_answer') return { kind: 'answered wrongly', fact: probed.fact ?? probed.cause };
  if (!isAtOwnPort) return { kind: 'answered wrongly', fact: probed.cause };
  const again = await connectGently(source, ip, port, hello, timeoutMs);
  return again.kind === 'connected' ? { kind: 'answered wrongly', fact: probed.cause } : again;
}

function connectGently(
  localAddress: string | undefined,
  ip: string,
  port: number,
  hello: Uint8Array | null,
  timeoutMs: number,
): Promise<Connected | CannotConnect> {
  return new Promise((settle) => {
    const from = performance.now();
    const own = localAddress === undefined ? {} : { localAddress };
    const socket = connect({ host: ip, port, timeout: timeoutMs, ...(isPath(ip) && { path: ip }), ...own });
    socket.once('connect', () => {
      settle({ kind: 'connected', ip, ms: Math.ceil(performance.now() - from) });
      socket.setTimeout(0);
      if (hello !== null) socket.write(hello);
      hangUp(socket);
    });
    socket.once('timeout', () => {
      settle({ kind: 'failed', code: 'ETIMEDOUT' });
      socket.destroy();
    });
    // The backend may also reset a connection that is already hung up; the connect then counted.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle({ kind: 'failed', code: error.code ?? error.message });
    });
  });
}
