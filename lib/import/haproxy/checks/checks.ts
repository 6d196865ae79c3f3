// Converts `check`, `option …-check` and related lines into bal's health check.
import { bytesOf, showBytes } from '../../../../config/bytes.ts';
import type { HealthCheck, Service } from '../../draft.ts';
import { setTime } from '../../draft.ts';
import type { Ledger } from '../../ledger.ts';
import { haproxyTime } from '../../values.ts';
import { httpCheck } from './http-check.ts';
import { last, option, type HaLine, type Section } from '../language/sections.ts';
import type { Server } from '../server.ts';
import type { ServerOptions } from '../server-options.ts';
import { tcpCheck } from './tcp-check.ts';

type Part = Pick<Service, 'health_check' | 'runtime'>;

export function setChecks(service: Part, backend: Section, servers: readonly Server[], ledger: Ledger): void {
  const first = servers.find(({ options }) => options.check);
  const asked = askedBy(backend, ledger);
  if (first === undefined) {
    service.health_check = { type: 'none' };
    return;
  }
  const { line, options } = first;
  const others = servers.filter((it) => it !== first);
  const differs = (key: keyof ServerOptions, shown: string): void => {
    for (const it of others) {
      if (!it.options.check || it.options[key] === options[key]) continue;
      ledger.differs(it.line, `bal has one for the whole service, that of line ${line.line}`, null, shown);
    }
  };
  for (const it of others) {
    if (!it.options.check) ledger.differs(it.line, 'it is checked like the others of its service', null, 'no check');
  }
  const check: HealthCheck = { ...(asked ?? { type: 'tcp' }) };
  if (options.port !== null) check.port = options.port;
  differs('port', 'port');
  if (options.checkSsl || check.tls === true) secure(check, options, line, ledger);
  if (Object.keys(check).length > 1 || check.type !== 'tcp') service.health_check = check;
  setIntervals(service, options, line, ledger);
  for (const key of ['inter', 'downinter', 'fall', 'rise'] as const) differs(key, key);
  const timeout = last(backend.lines, 'timeout', 'check');
  const ms = haproxyTime(timeout?.words[2]);
  if (timeout !== null && ms !== null) setTime(service.runtime, 'health_check_timeout_ms', ms, timeout, ledger);
}

function secure(check: HealthCheck, options: ServerOptions, line: HaLine, ledger: Ledger): void {
  if (check.type === 'tcp' || check.type === 'none') {
    ledger.differs(
      line,
      'bal speaks TLS only in a check that asks for something',
      'see type: http or expect',
      'check-ssl',
    );
    return;
  }
  check.tls = true;
  if (options.checkSni !== null) check.server_name ??= options.checkSni;
  if (!options.verify) check.verify = false;
}

function setIntervals({ runtime }: Part, options: ServerOptions, line: HaLine, ledger: Ledger): void {
  const up = haproxyTime(options.inter ?? undefined);
  const down = haproxyTime(options.downinter ?? undefined);
  if (up !== null)
    setTime(runtime, down === null ? 'health_check_interval_ms' : 'health_check_up_interval_ms', up, line, ledger);
  if (down !== null) setTime(runtime, 'health_check_interval_ms', down, line, ledger);
  for (const [text, key] of [
    [options.fall, 'health_check_fail_threshold'],
    [options.rise, 'health_check_success_threshold'],
  ] as const) {
    const value = haproxyTime(text ?? undefined);
    if (value !== null) setTime(runtime, key, value, line, ledger);
  }
}

const ASK_AGAIN = 'see "Checks that ask" in lib/BEHAVIOUR.md for what can be asked';

/** Returns what checks ask of the backend; null for a plain connect. */
function askedBy(backend: Section, ledger: Ledger): HealthCheck | null {
  // The last one written wins.
  const kinds = backend.lines.filter(
    ({ words: [a, b = ''] }) => a === 'option' && /(-check|httpchk|smtpchk|hello-chk)$/.test(b),
  );
  const line = kinds.at(-1);
  const name = line?.words[1] ?? '';
  ledger.used(...kinds);
  if (line === undefined || option(backend, name, ledger) === null) return null;
  switch (name) {
    case 'tcp-check':
      return tcpCheck(backend, ledger);
    case 'httpchk':
      return httpCheck(backend, line, ledger);
    case 'redis-check':
      return { type: 'expect', send: 'PING\\r\\n', expect: '+PONG' };
    case 'pgsql-check':
      return { type: 'expect', send: startup(line.words[3] ?? ''), expect: 'R' };
    case 'smtpchk':
      ledger.differs(line, 'bal waits for the greeting and says nothing');
      return { type: 'expect', expect: '220' };
    case 'mysql-check':
      ledger.lost(line, 'bal only connects here', 'see "A check for MariaDB" in lib/BEHAVIOUR.md');
      return null;
    default:
      ledger.lost(line, 'bal only connects here', ASK_AGAIN);
      return null;
  }
}

/** PostgreSQL's startup message, protocol 3.0, as `pgsql-check user NAME` sends it. */
function startup(user: string): string {
  const body = [...bytesOf('\\x00\\x03\\x00\\x00user\\x00'), ...Buffer.from(user.slice(0, 63)), 0, 0];
  return showBytes(Uint8Array.from([0, 0, 0, body.length + 4, ...body]));
}
