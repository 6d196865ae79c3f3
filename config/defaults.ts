// Defaults that do not depend on the machine or the number of backends.

export const DEFAULTS = {
  port: 9295,
  bind_address: '0.0.0.0',
  method: 'round_robin',
  log_level: 'info',
  engine: 'auto',
  log_connections: 'failed',
  'backends.weight': 1,
  'backends.backup': false,
  send_proxy_protocol: 'none',
  'backends.max_connections': 0,
  'backends.discover': 'address',
  bind_unix_mode: '0660',
} as const;
