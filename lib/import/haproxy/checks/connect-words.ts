// Converts `port` and `sni` of `http-check connect` and `tcp-check connect`. HAProxy takes expressions for both, bal only literals.
import { judgeHost } from '../../../../config/host.ts';
import type { HealthCheck } from '../../draft.ts';
import type { Ledger } from '../../ledger.ts';
import { wholeNumber } from '../../values.ts';
import type { HaLine } from '../language/sections.ts';

export function setPort(check: HealthCheck, text: string | undefined, line: HaLine, ledger: Ledger): void {
  const port = wholeNumber(text, 1, 65_535);
  if (port !== null) check.port = port;
  else ledger.lost(line, 'bal checks a port that is a number', 'write health_check.port', `port ${text ?? ''}`);
}

export function setServerName(check: HealthCheck, text: string | undefined, line: HaLine, ledger: Ledger): void {
  if (text !== undefined && /[a-z]/i.test(text) && judgeHost(text) === null) check.server_name = text;
  else ledger.lost(line, 'bal asks for a name that is written', 'write health_check.server_name', `sni ${text ?? ''}`);
}
