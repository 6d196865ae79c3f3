// The configuration that an import makes: plain data in bal's keys, before it is written.
import { RuntimeSchema, type RuntimeKey } from '../../config/runtime.ts';
import type { Shape } from '../../config/shape.ts';
import type { Ledger, Statement } from './ledger.ts';

/** Limit before twins are merged: twice bal's own. */
export const MOST_SERVICES = 128;

export interface Backend {
  host?: string;
  port?: number;
  unix?: string;
  discover?: 'all' | 'srv';
  weight?: number;
  backup?: boolean;
  max_connections?: number;
  send_proxy_protocol?: 'v1' | 'v2';
  source?: string;
}

export interface HealthCheck {
  type: 'tcp' | 'http' | 'expect' | 'none';
  port?: number;
  path?: string;
  host?: string;
  expect_status?: string[];
  /** Bytes as config/bytes.ts writes them. */
  send?: string;
  expect?: string;
  match?: 'contains';
  tls?: boolean;
  server_name?: string;
  verify?: boolean;
}

/** Times in milliseconds. */
export type Runtime = { [K in RuntimeKey]?: number | string };

export interface Service {
  name: string;
  /** The statement of its listener. */
  readonly at: Statement;
  /** Parts of the file whose notes are written with it. */
  readonly parts: readonly string[];
  bind_address?: string;
  port?: number;
  bind_unix?: string;
  bind_unix_mode?: string;
  server_name?: string[];
  alpn?: string[];
  method?: 'round_robin' | 'least_connections' | 'random' | 'source_hash';
  send_proxy_protocol?: 'v1' | 'v2';
  accept_proxy_protocol?: { from: string[] };
  access?: { allow?: string[]; deny?: string[] };
  health_check?: HealthCheck;
  runtime: Runtime;
  backends: Backend[];
}

export interface Draft {
  workers?: number;
  admin?: string;
  log_level?: 'debug' | 'info' | 'warn' | 'error';
  log_connections?: 'all';
  dns_servers?: string[];
  /** Shared by all services. */
  method?: NonNullable<Service['method']>;
  health_check?: HealthCheck;
  runtime: Runtime;
  services: Service[];
}

/** Sets a time within the bounds of its key, and notes when it had to be changed. */
export function setTime(runtime: Runtime, key: RuntimeKey, value: number, at: Statement, ledger: Ledger): void {
  const shape: Shape = RuntimeSchema.properties[key];
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = shape;
  const bounded = Math.min(Math.max(Math.ceil(value), minimum), maximum);
  runtime[key] = bounded;
  ledger.used(at);
  if (bounded !== Math.ceil(value)) ledger.differs(at, `${key} takes ${minimum} to ${maximum}, so it is ${bounded}`);
}
