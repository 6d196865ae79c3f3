// Converts `upstream` blocks, and addresses of `proxy_pass`, into backends and a method.
import { isIP } from 'node:net';
import { setTime, type Backend, type Runtime, type Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { isPeer, isPort, nginxTime, wholeNumber } from '../values.ts';
import type { Directive } from './language/tree.ts';

export type Method = NonNullable<Service['method']>;

export interface Target {
  readonly at: Directive;
  /** The part of the file it is made of. */
  readonly part: string;
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly method: Method | null;
  readonly runtime: Runtime;
}

const MAX_WEIGHT = 256;

export function upstreamOf(upstream: Directive, ledger: Ledger): Target {
  const runtime: Runtime = {};
  const backends: Backend[] = [];
  let method: Method | null = null;
  ledger.used(upstream);
  for (const directive of upstream.block ?? []) {
    if (directive.name === 'server') {
      const backend = serverOf(directive, runtime, ledger);
      if (backend !== null) backends.push(backend);
    } else method = methodOf(directive, ledger) ?? method;
  }
  const most = Math.max(...backends.map(({ weight }) => weight ?? 1), 1);
  if (most > MAX_WEIGHT) {
    ledger.differs(upstream, `weights go up to ${MAX_WEIGHT}, so all are smaller in proportion`);
    for (const backend of backends) {
      if (backend.weight !== 0) backend.weight = Math.max(1, Math.round(((backend.weight ?? 1) * MAX_WEIGHT) / most));
    }
  }
  return { at: upstream, part: upstream.part, name: upstream.args[0] ?? '', backends, method, runtime };
}

function methodOf(directive: Directive, ledger: Ledger): Method | null {
  const { name, args } = directive;
  switch (name) {
    case 'least_conn':
      ledger.used(directive);
      return 'least_connections';
    case 'least_time':
      ledger.differs(directive, 'bal goes by connections, not by time');
      return 'least_connections';
    case 'random':
      ledger.used(directive);
      if (args[0] !== 'two' || (args[1] ?? 'least_conn') !== 'least_conn') {
        ledger.differs(directive, 'bal draws two and takes the one with fewer connections');
      }
      return 'random';
    case 'hash':
      if (/^\$\{?(binary_)?remote_addr\}?$/.test(args[0] ?? '')) {
        ledger.differs(directive, 'clients get other servers than with nginx, and few move when a server leaves');
        return 'source_hash';
      }
      ledger.lost(directive, 'bal chooses by the address of the client only; it is round_robin now', 'look at method');
      return null;
    default:
      return null;
  }
}

function serverOf(directive: Directive, runtime: Runtime, ledger: Ledger): Backend | null {
  const [address = '', ...options] = directive.args;
  const backend = addressOf(address, directive, ledger);
  const service = options.find((it) => it.startsWith('service='))?.slice('service='.length);
  if (backend === null && service === undefined) return null;
  const found: Backend = backend ?? { host: address };
  ledger.used(directive);
  let fails = 1;
  for (const option of options) {
    const [key = '', value] = option.split(/=(.*)/s);
    if (/^(weight|max_conns|max_fails)$/.test(key) && wholeNumber(value) === null) {
      ledger.lost(directive, 'it has no such value', 'correct it and import again', option);
    } else if (key === 'weight') found.weight = wholeNumber(value, 1) ?? 1;
    else if (key === 'backup') found.backup = true;
    else if (key === 'down') found.weight = 0;
    else if (key === 'max_conns') {
      const most = wholeNumber(value, 1);
      if (most !== null) found.max_connections = most;
    } else if (key === 'resolve') found.discover = 'all';
    else if (key === 'max_fails') fails = wholeNumber(value) ?? 1;
    else if (key === 'fail_timeout' || key === 'slow_start') setServerTime(runtime, key, value, directive, ledger);
    else if (key !== 'service') ledger.lost(directive, 'bal has no such setting of a backend', 'do without it', option);
  }
  if (fails === 0) {
    runtime.backend_cooldown_ms ??= 0;
    ledger.differs(
      directive,
      'bal leaves a backend alone for moments at least after a failed connect',
      null,
      'max_fails=0',
    );
  } else if (fails > 1) {
    ledger.differs(
      directive,
      'bal leaves a backend alone from the first failed connect on',
      null,
      `max_fails=${fails}`,
    );
  }
  if (service === undefined) return found;
  const { backup, max_connections: most } = found;
  const host = service.includes('.') ? `${service}.${address}` : `_${service}._tcp.${address}`;
  if (found.weight !== undefined) ledger.differs(directive, 'SRV records say the weight', null, 'weight');
  return {
    host,
    discover: 'srv',
    ...(backup === true && { backup }),
    ...(most !== undefined && { max_connections: most }),
  };
}

/** bal has one value per service: the longest wins. */
function setServerTime(
  runtime: Runtime,
  option: 'fail_timeout' | 'slow_start',
  value: string | undefined,
  at: Directive,
  ledger: Ledger,
): void {
  const key = option === 'fail_timeout' ? 'backend_cooldown_ms' : 'slow_start_ms';
  const ms = nginxTime(value);
  if (ms === null) {
    ledger.lost(at, 'it is no time', 'correct it and import again', `${option}=${value ?? ''}`);
    return;
  }
  const before = runtime[key];
  if (before !== undefined && before !== ms) {
    ledger.differs(at, 'bal has one for the whole service, the longest', null, option);
  }
  setTime(runtime, key, Math.max(Number(before ?? 0), ms), at, ledger);
}

/** Parses `10.0.0.1:80`, `[::1]:80`, `name:80`, `unix:/run/a.sock`; null, with a note, if invalid. */
export function addressOf(text: string, at: Directive, ledger: Ledger): Backend | null {
  if (text.startsWith('unix:')) return { unix: text.slice('unix:'.length) };
  const [, bracketed, plain = bracketed ?? '', port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const isKnown = isPeer(plain) && isPort(Number(port));
  if (isKnown) {
    // nginx makes a server of each address of a name.
    const isName = isIP(plain) === 0 && plain !== 'localhost';
    return { host: plain, port: Number(port), ...(isName && { discover: 'all' as const }) };
  }
  if (!at.args.some((it) => it.startsWith('service='))) {
    ledger.lost(at, 'bal needs an address and a port, or a path', 'write them and import again');
  }
  return null;
}
