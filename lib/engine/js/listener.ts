// A listening socket of an engine. Accepts straight from libuv's handle, which saves a net.Server and the second socket
// object that taking a connection out of one costs.

import type { ListenerSettings } from '../engine.ts';
import { handleOn, systemError } from '../handles.ts';
import type { TcpHandle } from '../handles.ts';

const INHERITS = process.platform === 'linux';
/** Linux allows no more. */
const LONGEST_SILENCE_S = 32_767;

export interface Listener {
  readonly id: number;
  readonly settings: ListenerSettings;
  readonly handle: TcpHandle;
}

/** Listens. Calls `accept` with status 0 and the client's handle, or with -errno. Throws with `code`. */
export function listen(
  id: number,
  handle: TcpHandle,
  settings: ListenerSettings,
  accept: (listener: Listener, status: number, client: unknown) => void,
): Listener {
  const listener: Listener = { id, settings, handle };
  // Accepted sockets inherit these options on Linux, which saves the system calls for each.
  setOptions(handle, settings);
  handle.onconnection = (status, client) => {
    if (!INHERITS && status === 0) setOptions(handleOn(client), settings);
    accept(listener, status, client);
  };
  const status = handle.listen(settings.backlog);
  if (status === 0) return listener;
  handle.close();
  throw systemError('listen', status);
}

function setOptions(handle: TcpHandle, { keepaliveMs }: ListenerSettings): void {
  handle.setNoDelay(true);
  keepAlive(handle, keepaliveMs);
}

/** Makes TCP probe the peer after `silenceMs`; 0 turns keepalive off. */
export function keepAlive(handle: TcpHandle, silenceMs: number): void {
  handle.setKeepAlive(silenceMs > 0, Math.min(Math.ceil(silenceMs / 1000), LONGEST_SILENCE_S));
}
