// Whether the answer to GET /plan can be used: a running bal of another version sends a plan with other fields.

import type { HealthCheckPlan, HealthCheckType } from '../../config/health-check.ts';
import { RUNTIME_FIELDS } from '../../config/names.ts';
import type { BackendPlan, Plan, Runtime, ServicePlan } from '../../config/plan.ts';
import { fieldsOf } from '../fields.ts';

type Check = (value: unknown) => boolean;
/** Every field of T; more fields do no harm. */
type Fields<T> = Readonly<Record<keyof T, Check>>;
type Variant<Type extends HealthCheckType> = Fields<Extract<HealthCheckPlan, { type: Type }>>;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const flag: Check = (value) => typeof value === 'boolean';
const texts = listOf(text);

const ADMIN: Fields<NonNullable<Plan['admin']>> = { host: text, port: number };
const SOCKET: Fields<NonNullable<ServicePlan['bindUnix']>> = { path: text, mode: number };
const ACCESS: Fields<NonNullable<ServicePlan['access']>> = { allow: orNull(texts), deny: texts };

const TLS = orNull(has({ serverName: orNull(text), verify: flag }));
const PORT = orNull(number);
const HEALTH_CHECKS: { readonly [Type in HealthCheckType]: Variant<Type> } = {
  none: { type: text },
  tcp: { type: text, port: PORT },
  http: {
    type: text,
    port: PORT,
    path: text,
    host: orNull(text),
    expectStatus: listOf(has({ from: number, to: number })),
    tls: TLS,
  },
  expect: { type: text, port: PORT, send: orNull(text), expect: text, match: text, tls: TLS },
};

const BACKEND: Fields<BackendPlan> = {
  host: text,
  port: number,
  address: text,
  weight: number,
  backup: flag,
  // Other versions have none, and that of the file is always 0.
  rank: orMissing(number),
  maxConnections: number,
  sendProxy: orNull(text),
  sources: texts,
  discover: text,
  discoveredFrom: orNull(text),
  hostname: orNull(text),
};

const SERVICE: Fields<ServicePlan> = {
  name: text,
  bindAddress: text,
  port: number,
  bindUnix: orMissing(orNull(has(SOCKET))),
  method: text,
  sendProxy: text,
  proxiesFrom: texts,
  serverNames: texts,
  protocols: texts,
  access: orNull(has(ACCESS)),
  backends: listOf(has(BACKEND)),
  discovers: flag,
  healthCheck: isHealthCheck,
  runtime: isRuntime,
  ownLimit: orNull(number),
};

const PLAN: Fields<Plan> = {
  configPath: text,
  included: texts,
  fingerprint: text,
  logLevel: text,
  logConnections: text,
  workers: number,
  engine: text,
  admin: orNull(has(ADMIN)),
  dnsServers: texts,
  adminHosts: orMissing(texts),
  controlGroup: orMissing(orNull(text)),
  maxConnections: number,
  services: listOf(has(SERVICE)),
};

const isWhole = has(PLAN);

/** False if a field of this version's plans is missing or of another type. */
export function isPlan(body: unknown): body is Plan {
  return isWhole(body);
}

function isHealthCheck(value: unknown): boolean {
  const { type } = fieldsOf(value);
  const variant = Object.entries(HEALTH_CHECKS).find(([name]) => name === type);
  return variant !== undefined && has(variant[1])(value);
}

/** The fields that are words; all others are numbers. */
const WORDS: ReadonlySet<keyof Runtime> = new Set(['onBackendDown', 'overloadPolicy']);

function isRuntime(value: unknown): boolean {
  const fields = fieldsOf(value);
  return Object.values(RUNTIME_FIELDS).every((key) => (WORDS.has(key) ? text : number)(fields[key]));
}

function has(checks: Readonly<Record<string, Check>>): Check {
  return (value) => {
    const fields = fieldsOf(value);
    return Object.entries(checks).every(([key, check]) => check(fields[key]));
  };
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

/** For fields that the first versions lack, and that every reader takes for empty then. */
function orMissing(check: Check): Check {
  return (value) => value === undefined || check(value);
}
