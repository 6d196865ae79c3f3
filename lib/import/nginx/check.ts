// Converts `health_check` of NGINX Plus, with its `match`. Without it nginx never connects by itself, so neither does bal.
import { bytesOf, judgeBytes, showBytes } from '../../../config/bytes.ts';
import { setTime, type HealthCheck, type Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { nginxTime, wholeNumber } from '../values.ts';
import { last, type Directive, type Scope } from './language/tree.ts';

export function setCheck(service: Service, scope: Scope, ledger: Ledger): void {
  const line = last(scope, 'health_check');
  if (line === null) {
    service.health_check = { type: 'none' };
    return;
  }
  ledger.used(line);
  const { runtime } = service;
  let check: HealthCheck = { type: 'tcp' };
  let port: number | null = null;
  for (const option of line.args) {
    const [key = '', value] = option.split(/=(.*)/s);
    const number = wholeNumber(value, 1, 1000);
    const ms = nginxTime(value);
    if (key === 'interval' && ms !== null) setTime(runtime, 'health_check_interval_ms', ms, line, ledger);
    else if (key === 'fails' && number !== null) setTime(runtime, 'health_check_fail_threshold', number, line, ledger);
    else if (key === 'passes' && number !== null)
      setTime(runtime, 'health_check_success_threshold', number, line, ledger);
    else if (key === 'port') port = wholeNumber(value, 1, 65_535);
    else if (key === 'match') check = matched(value ?? '', scope, line, ledger) ?? check;
    else if (key === 'jitter') ledger.unneeded(line, 'intervals vary by a tenth', option);
    else ledger.lost(line, 'bal has no such setting of a check', 'do without it', option);
  }
  const timeout = last(scope, 'health_check_timeout');
  const ms = nginxTime(timeout?.args[0]);
  if (timeout !== null && ms !== null) setTime(runtime, 'health_check_timeout_ms', ms, timeout, ledger);
  if (port !== null) check.port = port;
  if (check.type !== 'tcp' || port !== null) service.health_check = check;
}

function matched(name: string, scope: Scope, line: Directive, ledger: Ledger): HealthCheck | null {
  const match = scope.outer?.own.find((it) => it.name === 'match' && it.args[0] === name);
  const send = match?.block?.find((it) => it.name === 'send');
  const expect = match?.block?.find((it) => it.name === 'expect');
  const [first = '', pattern] = expect?.args ?? [];
  const literal =
    first === '~' || first === '~*' ? (/^[a-z0-9 +_:/-]+$/i.test(pattern ?? '') ? (pattern ?? '') : null) : first;
  const texts = [send?.args[0] ?? '', literal ?? ''];
  ledger.used(match, send, expect);
  if (literal === null || literal === '' || texts.some((it) => judgeBytes(it) !== null || it.length > 256)) {
    ledger.lost(line, 'bal looks for bytes that are there', 'write them as health_check.expect', `match=${name}`);
    return null;
  }
  const [sent = '', expected = ''] = texts.map((it) => showBytes(bytesOf(it)));
  return { type: 'expect', ...(sent !== '' && { send: sent }), expect: expected, match: 'contains' };
}
