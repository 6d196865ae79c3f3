// What an operator may configure beyond the three-line configuration, and what each may cost: a multiple of a bal without it, or
// of haproxy with the same.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { helloFor } from '../../../lib/testing/hello.ts';
import { haproxy, type HaproxyExtra, haproxyServers } from '../proxies/haproxy.ts';
import { balProxy } from '../proxies/bal.ts';
import { type Place, type Proxy, WORKERS } from '../proxies/proxy.ts';

export type Against = 'bal without' | 'haproxy';

export interface Feature {
  readonly name: string;
  readonly title: string;
  readonly against: Against;
  /** CPU per short connection is at most this multiple. */
  readonly must: number;
  /** Backends of the bal with the feature; the other one has as many, or 4 if it does without. */
  readonly backends: number;
  /** Client addresses; null: the load generator's few. */
  readonly sources: number | null;
  /** What clients begin with; null: nothing. */
  readonly prologue: Buffer | null;
  /** MiB that it may add; null: not measured. */
  readonly memory: number | null;
  readonly bal: Proxy;
  readonly base: Proxy;
}

type Settings = (place: Place) => Readonly<Record<string, unknown>>;

/** JSON is YAML. */
export function bal(name: string, settings: Settings): Proxy {
  return balProxy('native', name, (place) =>
    JSON.stringify({
      port: place.port,
      bind_address: '127.0.0.1',
      engine: 'native',
      workers: WORKERS,
      log_level: 'info',
      backends: servers(place.backends),
      ...settings(place),
    }),
  );
}

function servers(ports: readonly number[]): Record<string, unknown>[] {
  return ports.map((port) => ({ host: '127.0.0.1', port }));
}

/** Backends where their number does not matter. */
export const FEW = 4;
/** The case that checks.ts measures. */
export const HEALTH_CHECKS = 'health-checks';
const NAMES = 100;
const SERVICES = 20;
const SOURCES = 100_000;

/** A name each, five for each service. */
function namesOf(service: number): string[] {
  return Array.from({ length: NAMES / SERVICES }, (_, i) => `host-${service}-${i}.example.com`);
}

/** Version 2, TCP over IPv4: 192.0.2.7, port 40000, wants 127.0.0.1, port 443. */
export const PROXY_HEADER = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002077f0000019c4001bb', 'hex');

/** None of them has the clients, which the last entry lets in. */
const networks = [...Array.from({ length: 999 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`), '127.0.0.0/8'];

function beside(
  name: string,
  title: string,
  must: number,
  settings: Settings,
  more: Partial<Pick<Feature, 'backends' | 'sources' | 'memory'>> = {},
  without: Settings = () => ({}),
): Feature {
  const common = { backends: FEW, sources: null, prologue: null, memory: null, ...more };
  return {
    name,
    title,
    against: 'bal without',
    must,
    ...common,
    bal: bal(name, settings),
    base: bal('without', without),
  };
}

function many(name: string, method: string): Feature {
  const settings = (): Record<string, unknown> => ({ method });
  return beside(name, `1,024 backends instead of 4, \`${method}\``, 1.03, settings, { backends: 1024 }, settings);
}

function likeHaproxy(
  name: string,
  title: string,
  must: number,
  settings: Settings,
  extra: (place: Place) => HaproxyExtra,
  prologue: Feature['prologue'] = null,
): Feature {
  const common = { backends: FEW, sources: null, memory: null, prologue };
  return { name, title, against: 'haproxy', must, ...common, bal: bal(name, settings), base: haproxy('', extra) };
}

export const FEATURES: readonly Feature[] = [
  beside('caps', 'weights and `max_connections` on each backend', 1.03, ({ backends }) => ({
    backends: servers(backends).map((server, i) => ({ ...server, weight: [4, 3, 2, 1][i % 4], max_connections: 1000 })),
  })),
  many('many', 'round_robin'),
  many('many-least', 'least_connections'),
  many('many-hash', 'source_hash'),
  beside('access', 'an access list of 1,000 networks', 1.03, () => ({ access: { allow: networks } })),
  beside(
    'sources',
    'a limit and a rate for each of 100,000 sources',
    1.05,
    () => ({ runtime: { max_connections_per_source: 100, max_connection_rate_per_source: 1000 } }),
    { sources: SOURCES, memory: 32 },
  ),
  likeHaproxy(
    'proxy-out',
    '`send_proxy_protocol: v2`',
    0.85,
    () => ({ send_proxy_protocol: 'v2' }),
    () => ({ server: ' send-proxy-v2' }),
  ),
  likeHaproxy(
    'proxy-in',
    '`accept_proxy_protocol`',
    0.9,
    () => ({ accept_proxy_protocol: { from: ['127.0.0.0/8'] } }),
    () => ({ bind: ' accept-proxy' }),
    PROXY_HEADER,
  ),
  likeHaproxy(
    'names',
    `${NAMES} server names, in ${SERVICES} services (haproxy: \`req.ssl_sni\` and a map)`,
    1,
    ({ backends, port }) => ({
      port: undefined,
      backends: undefined,
      services: Object.fromEntries(
        Array.from({ length: SERVICES }, (_, i) => [
          `s${i}`,
          { port, server_name: namesOf(i), backends: servers(backends) },
        ]),
      ),
    }),
    routesByName,
    // As long as a browser's that pads its own.
    helloFor(namesOf(SERVICES / 2)[2] ?? null, ['h2', 'http/1.1'], 350),
  ),
];

function routesByName({ dir, backends }: Place): HaproxyExtra {
  const map = join(dir, 'names.map');
  const services = Array.from({ length: SERVICES }, (_, i) => i);
  writeFileSync(map, services.flatMap((i) => namesOf(i).map((name) => `${name} s${i}\n`)).join(''));
  return {
    routes: `    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend %[req.ssl_sni,lower,map(${map})]
${services.map((i) => `backend s${i}\n${haproxyServers(backends)}`).join('')}`,
  };
}
