// The health check of a service: its draft from the file, its contradictions, and the plan made of it.
import { bytesOf, showBytes } from './bytes.ts';
import {
  KEYS_OF,
  statusRangeOf,
  type HealthCheckKey,
  type HealthCheckPlan,
  type HealthCheckType,
} from './health-check.ts';
import { HEALTH_CHECK_DEFAULTS, HealthCheckSchema, type HealthCheckBlock } from './health-check-schema.ts';
import { problemAt, type Problem } from './problem.ts';
import { settle, type Block, type Setting } from './tune.ts';

type Frozen<V> = V extends readonly (infer Item)[] ? readonly Item[] : V;

/** The block with everything wrong removed. */
type PrunedBlock = { readonly [K in keyof HealthCheckBlock]?: Frozen<HealthCheckBlock[K]> };

/** By the keys of the file; '' and 0 mean "not set". */
export type HealthCheckDraft = {
  readonly [K in 'type' | HealthCheckKey]: Setting<NonNullable<PrunedBlock[K]>>;
};

/** `blocks` has the one block that applies, or is empty. */
export function healthCheckDraft(blocks: readonly Block<PrunedBlock>[]): HealthCheckDraft {
  const of = <K extends keyof PrunedBlock>(key: K, otherwise: NonNullable<PrunedBlock[K]>) =>
    settle<PrunedBlock, K>(key, blocks, otherwise, 'default');
  const { type, path, expect_status, match, tls, verify } = HEALTH_CHECK_DEFAULTS;
  return {
    type: of('type', type),
    port: of('port', 0),
    path: of('path', path),
    host: of('host', ''),
    expect_status: of('expect_status', expect_status),
    send: of('send', ''),
    expect: of('expect', ''),
    match: of('match', match),
    tls: of('tls', tls),
    server_name: of('server_name', ''),
    verify: of('verify', verify),
  };
}

export function healthCheckConflicts(check: HealthCheckDraft): Problem[] {
  return check.type.sound ? [...strangeKeys(check), ...tlsKeys(check), ...nothingExpected(check)] : [];
}

const TYPES: readonly HealthCheckType[] = ['tcp', 'http', 'expect', 'none'];
/** In the order of the schema. */
const KEYS = Object.keys(HealthCheckSchema.properties).filter(isKey);

function isKey(key: string): key is HealthCheckKey {
  return TYPES.some((type) => keysOf(type).some((own) => own === key));
}

function keysOf(type: HealthCheckType): readonly HealthCheckKey[] {
  return KEYS_OF[type];
}

/** A key of another type has no effect, contrary to what its author expects. */
function strangeKeys(check: HealthCheckDraft): Problem[] {
  const { value } = check.type;
  return KEYS.flatMap((key) => {
    const { path, mark, sound } = check[key];
    if (path === null || !sound || keysOf(value).includes(key)) return [];
    const owners = TYPES.filter((type) => keysOf(type).includes(key));
    const hint = `it is a key of type ${owners.join(', ')}: set "type", or remove it`;
    return [problemAt(mark, path, `has no meaning with type ${value}`, hint)];
  });
}

function tlsKeys(check: HealthCheckDraft): Problem[] {
  const { type, tls } = check;
  if (!tls.sound || tls.value || !keysOf(type.value).includes('tls')) return [];
  return [check.server_name, check.verify].flatMap(({ path, mark, sound }) =>
    path === null || !sound
      ? []
      : [problemAt(mark, path, 'has no meaning without TLS', 'add "tls: true", or remove it')],
  );
}

function nothingExpected({ type, expect }: HealthCheckDraft): Problem[] {
  if (type.value !== 'expect' || type.path === null || expect.path !== null || !expect.sound) return [];
  const place = [...type.path.slice(0, -1), 'expect'];
  return [problemAt(type.mark, place, 'missing, expected the bytes of a good answer', 'for example: expect: "+PONG"')];
}

/** Returns the settings that apply, by key, as text. */
export function healthCheckSettings(
  check: HealthCheckDraft,
): [key: string, setting: Setting<string | number | boolean>][] {
  const used = KEYS.filter((key) => keysOf(check.type.value).includes(key)).filter((key) => {
    const isOfTls = key === 'verify' && check.tls.value;
    return check[key].path !== null || isOfTls || ['path', 'expect_status', 'match', 'tls'].includes(key);
  });
  return [
    ['type', check.type],
    ...used.map((key): [string, Setting<string | number | boolean>] => [key, shown(check, key)]),
  ];
}

function shown(check: HealthCheckDraft, key: HealthCheckKey): Setting<string | number | boolean> {
  if (key === 'expect_status') return { ...check[key], value: check[key].value.join(', ') };
  if (key === 'send' || key === 'expect') return { ...check[key], value: showBytes(bytesOf(check[key].value)) };
  return check[key];
}

export function healthCheckPlan(check: HealthCheckDraft): HealthCheckPlan {
  const port = check.port.path === null ? null : check.port.value;
  const tls = check.tls.value ? { serverName: orNull(check.server_name), verify: check.verify.value } : null;
  switch (check.type.value) {
    case 'none':
      return { type: 'none' };
    case 'tcp':
      return { type: 'tcp', port };
    case 'http': {
      const expectStatus = check.expect_status.value.flatMap((value) => statusRangeOf(value) ?? []);
      return { type: 'http', port, path: check.path.value, host: orNull(check.host), expectStatus, tls };
    }
    case 'expect': {
      const send = orNull({ ...check.send, value: showBytes(bytesOf(check.send.value)) });
      const expect = showBytes(bytesOf(check.expect.value));
      return { type: 'expect', port, send, expect, match: check.match.value, tls };
    }
  }
}

function orNull({ value }: Setting<string>): string | null {
  return value === '' ? null : value;
}
