// A listening socket of an engine: accepts straight from libuv's handle, without a net.Server and the second socket
// object that taking a connection out of one costs.

import type { ListenerSettings } from '../engine.ts';
import { systemError, tcpHandle } from '../handles.ts';
import type { TcpHandle } from '../handles.ts';

const INHERITS = process.platform === 'linux';

export interface Listener {
  readonly id: number;
  readonly settings: ListenerSettings;
  readonly handle: TcpHandle;
}

/** Listens; `accept` is called with status 0 and the client's handle, or with -errno. Throws with `code`. */
export function listen(
  id: number,
  handle: TcpHandle,
  settings: ListenerSettings,
  accept: (listener: Listener, status: number, client: unknown) => void,
): Listener {
  const listener: Listener = { id, settings, handle };
  // Linux hands this option down to the sockets that are accepted, which saves a system call for each.
  handle.setNoDelay(true);
  handle.onconnection = (status, client) => {
    if (!INHERITS && status === 0) tcpHandle(client).setNoDelay(true);
    accept(listener, status, client);
  };
  const status = handle.listen(settings.backlog);
  if (status === 0) return listener;
  handle.close();
  throw systemError('listen', status);
}
