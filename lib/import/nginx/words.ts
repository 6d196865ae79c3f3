// Verdicts on directives that were not converted, by their names.
import type { Ledger } from '../ledger.ts';
import type { Directive } from './language/tree.ts';

const LOGS = 'bal has a log of its own, in files or on stdout';
const SETUP = '`bal start -d` or the service manager sees to it';
const TUNING = 'bal has no such tuning, and needs none';
const TLS = 'it is of TLS, which bal passes on as it is';

const UNNEEDED: readonly (readonly [RegExp, string])[] = [
  [/^(user|pid|daemon|master_process|lock_file|working_directory|env|load_module|debug_points)$/, SETUP],
  [
    /^(worker_cpu_affinity|worker_priority|worker_aio_requests|timer_resolution|thread_pool|pcre_jit|accept_mutex.*|multi_accept|use)$/,
    TUNING,
  ],
  [/^worker_rlimit_/, 'bal takes as many descriptors as it may (LimitNOFILE=)'],
  [/^worker_shutdown_timeout$/, 'a reload hands connections over; at a stop drain_timeout_ms counts'],
  [/^(error_log|access_log|log_format|open_log_file_cache|log_not_found|debug_connection|debug)$/, LOGS],
  [
    /^(zone|variables_hash_.*|map_hash_.*|server_names_hash_.*|preread_buffer_size|proxy_buffer_size|tcp_nodelay|reset_timedout_connection)$/,
    TUNING,
  ],
  [/^proxy_socket_keepalive$/, 'keepalive is on (tcp_keepalive_ms)'],
  [/^proxy_half_close$/, 'bal always passes a half-close on'],
  [/^(proxy_requests|proxy_responses)$/, 'it is of UDP'],
  [/^limit_conn_(log_level|status)$/, LOGS],
  [/^(limit_conn_zone|resolver|resolver_timeout|set_real_ip_from|match)$/, 'nothing that is taken over uses it'],
  [
    /^(proxy_protocol|proxy_next_upstream.*|proxy_bind|allow|deny|limit_conn_dry_run|preread_timeout|proxy_protocol_timeout|proxy_timeout|proxy_connect_timeout|server_name|ssl_preread)$/,
    'nothing that is taken over uses it',
  ],
  [/^(ssl|proxy_ssl)_/, TLS],
  [/^(geo|split_clients|map|geoip_.*|default|include|volatile|hostnames)$/, 'nothing that is taken over uses it'],
];

const LOST: readonly (readonly [RegExp, string, string])[] = [
  [/^proxy_(download|upload)_rate$/, 'bal limits connections, not bytes', 'do without it'],
  [/^(return|pass)$/, 'bal connects clients to backends and says nothing itself', 'leave this server to nginx'],
  [/^js_/, 'bal runs no JavaScript', 'leave this server to nginx'],
  [/^set$/, 'bal has no variables of a connection', 'write the value where it is used'],
  [
    /^(mqtt|mqtt_.*|keyval.*|zone_sync.*|status_zone|api|state|sticky.*|queue|ntlm)$/,
    'bal has no such module',
    'do without it',
  ],
  [/^limit_conn$/, 'its zone is not found', 'write runtime.max_connections_per_source'],
  [/^ip_hash$/, 'it is of HTTP; in stream it is "hash $remote_addr"', 'write method: source_hash'],
];

export function judge(directive: Directive, ledger: Ledger): void {
  const { name } = directive;
  const [, why] = UNNEEDED.find(([shape]) => shape.test(name)) ?? [];
  if (why !== undefined) {
    ledger.unneeded(directive, why);
    return;
  }
  const [, reason, todo] = LOST.find(([shape]) => shape.test(name)) ?? [];
  ledger.lost(directive, reason ?? 'bal import does not know it', todo ?? 'look whether it matters');
}
