// Words of HAProxy, nginx, Traefik, Caddy and Envoy that people write out of habit, and bal's equivalents.

const VALUES: Readonly<Record<string, string>> = {
  leastconn: 'least_connections',
  least_conn: 'least_connections',
  least_request: 'least_connections',
  leastconnections: 'least_connections',
  rr: 'round_robin',
  wrr: 'round_robin',
  weighted: 'round_robin',
  source: 'source_hash',
  ip_hash: 'source_hash',
  client_ip_hash: 'source_hash',
  consistent_hash: 'source_hash',
  maglev: 'source_hash',
  sticky: 'source_hash',
  random_choose: 'random',
  power_of_two: 'random',
  p2c: 'random',
  warning: 'warn',
  notice: 'info',
  trace: 'debug',
  critical: 'error',
  fatal: 'error',
};

/** Returns the value of `allowed` that was meant, or null if unknown. */
export function foreignValue(value: string, allowed: readonly string[]): string | null {
  const meant = lookUp(VALUES, value);
  return meant !== null && allowed.includes(meant) ? meant : null;
}

const SERVICES = 'bal has "services:", a map from names to their port and backends';
const BACKENDS = 'bal has "backends:", a list of "host: …" and "port: …"';
const METHOD = 'bal has "method:", one of round_robin, least_connections, random, source_hash';
const LIMIT = 'bal has max_concurrent_connections under "runtime", and max_connections in an entry of "backends"';
const IDLE = 'bal has connection_idle_timeout_ms under "runtime"';
const NO_TLS = 'bal passes TLS through to the backends and has no certificates';
const PROXY = 'bal has accept_proxy_protocol for clients and send_proxy_protocol for backends';
const ADMIN = 'bal has "admin: 127.0.0.1:9296", with /metrics, /healthz and a page';
const PORT = 'bal has "port:" and "bind_address:"';

const KEYS: Readonly<Record<string, string>> = {
  listen: PORT,
  bind: PORT,
  frontend: SERVICES,
  frontends: SERVICES,
  entrypoints: SERVICES,
  routers: SERVICES,
  stream: SERVICES,
  tcp: SERVICES,
  listeners: SERVICES,
  upstream: BACKENDS,
  upstreams: BACKENDS,
  server: BACKENDS,
  servers: BACKENDS,
  targets: BACKENDS,
  endpoints: BACKENDS,
  pool: BACKENDS,
  balance: METHOD,
  algorithm: METHOD,
  lb_policy: METHOD,
  policy: METHOD,
  strategy: METHOD,
  address: 'bal has "host:" and "port:"',
  ip: 'bal has "host:"',
  url: 'bal has "host:" and "port:"',
  maxconn: LIMIT,
  max_conns: LIMIT,
  timeout: IDLE,
  timeouts: IDLE,
  client_timeout: IDLE,
  server_timeout: IDLE,
  proxy_timeout: IDLE,
  connect_timeout: 'bal has backend_connect_timeout_ms under "runtime"',
  proxy_connect_timeout: 'bal has backend_connect_timeout_ms under "runtime"',
  retries: 'bal has max_connect_attempts under "runtime"',
  check: 'bal has "health_check:", and checks each backend unless told otherwise',
  healthcheck: 'bal has "health_check:"',
  inter: 'bal has health_check_interval_ms under "runtime"',
  interval: 'bal has health_check_interval_ms under "runtime"',
  fall: 'bal has health_check_fail_threshold under "runtime"',
  rise: 'bal has health_check_success_threshold under "runtime"',
  max_fails: 'bal has health_check_fail_threshold under "runtime"',
  fail_timeout: 'bal has backend_cooldown_ms under "runtime"',
  slowstart: 'bal has slow_start_ms under "runtime"',
  down: 'bal has "weight: 0", and \'bal backend drain\' while it runs',
  disabled: 'bal has "weight: 0", and \'bal backend drain\' while it runs',
  log: 'bal has "log_level:" and "log_connections:"',
  logging: 'bal has "log_level:" and "log_connections:"',
  stats: ADMIN,
  metrics: ADMIN,
  prometheus: ADMIN,
  dashboard: ADMIN,
  api: ADMIN,
  threads: 'bal has "workers:"',
  nbthread: 'bal has "workers:"',
  worker_processes: 'bal has "workers:"',
  tls: NO_TLS,
  ssl: NO_TLS,
  certificate: NO_TLS,
  cert: NO_TLS,
  proxy_protocol: PROXY,
  send_proxy: PROXY,
  accept_proxy: PROXY,
  allow: 'bal has "access: {allow: […], deny: […]}"',
  deny: 'bal has "access: {allow: […], deny: […]}"',
  user: 'bal runs as the user who starts it; see the systemd units in sample/',
  group: 'bal runs as the user who starts it; see the systemd units in sample/',
  daemon: "bal has 'bal start -d'",
  import: 'bal has "include:", at the top level',
  includes: 'bal has "include:", at the top level',
};

/** Returns bal's equivalent of a foreign key, or null if the word is unknown. */
export function foreignKey(key: string): string | null {
  return lookUp(KEYS, key);
}

function lookUp(words: Readonly<Record<string, string>>, word: string): string | null {
  const plain = word.slice(0, 40).replaceAll(/[\s-]/g, '_').toLowerCase();
  return Object.hasOwn(words, plain) ? (words[plain] ?? null) : null;
}
