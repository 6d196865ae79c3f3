// The numbers of engine.ts's closed sets by name.

import type { CONNECT_FAILURES, ConnectFailureCode, EndCode, ENDS } from '../engine.ts';

export const FAILURE = {
  refused: 0,
  timeout: 1,
  unreachable: 2,
  reset: 3,
  local: 4,
  other: 5,
} as const satisfies Record<(typeof CONNECT_FAILURES)[number], ConnectFailureCode>;

export const END = {
  client_closed: 0,
  backend_closed: 1,
  client_reset: 2,
  backend_reset: 3,
  idle: 4,
  cut: 5,
  client_gone: 6,
  refused: 7,
} as const satisfies Record<(typeof ENDS)[number], EndCode>;
