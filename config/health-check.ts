// The meaning of a `health_check` block: one variant per type, with the keys of that type. Free of typebox.

export type HealthCheckType = 'tcp' | 'http' | 'expect' | 'none';

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export interface TlsPlan {
  /** Null: the backend's host if that is a name, else no server name. */
  readonly serverName: string | null;
  /** Whether the certificate must be valid for that name, or for the address. */
  readonly verify: boolean;
}

/** `port`: a port other than the backend's, or null. */
export type HealthCheckPlan =
  /** Backends are never checked. */
  | { readonly type: 'none' }
  | { readonly type: 'tcp'; readonly port: number | null }
  | {
      readonly type: 'http';
      readonly port: number | null;
      readonly path: string;
      /** Null: the backend's host and port. */
      readonly host: string | null;
      readonly expectStatus: readonly StatusRange[];
      readonly tls: TlsPlan | null;
    }
  | {
      readonly type: 'expect';
      readonly port: number | null;
      /** Bytes as showBytes() writes them; null: the backend speaks first. */
      readonly send: string | null;
      readonly expect: string;
      readonly match: Match;
      readonly tls: TlsPlan | null;
    };

/** Where in the answer the expected bytes must be. */
export type Match = 'begins' | 'contains';

const TLS_KEYS = ['tls', 'server_name', 'verify'] as const;

/** The keys of each type, beside `type`. */
export const KEYS_OF = {
  none: [],
  tcp: ['port'],
  http: ['port', 'path', 'host', 'expect_status', ...TLS_KEYS],
  expect: ['port', 'send', 'expect', 'match', ...TLS_KEYS],
} as const satisfies Record<HealthCheckType, readonly string[]>;

export type HealthCheckKey = (typeof KEYS_OF)[HealthCheckType][number];

/**
 * Whether a client's connect replaces a check because both would learn the same. A connect says nothing about an application's
 * answer or about another port.
 */
export function connectStandsForCheck(check: HealthCheckPlan): boolean {
  return check.type === 'none' || (check.type === 'tcp' && check.port === null);
}

/** Whether a passed check means that clients can connect. */
export function checkStandsForConnect(check: HealthCheckPlan): boolean {
  return check.type === 'none' || check.port === null;
}

/** Returns the codes that `200` or `"200-399"` stands for, or null. */
export function statusRangeOf(value: unknown): StatusRange | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const [, first = '', last = first] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(value)) ?? [];
  const range = { from: Number(first), to: Number(last) };
  return first === '' || range.from > range.to ? null : range;
}

export function showStatus(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}

/** Returns the values by their key in the file, to compare two plans. */
export function healthCheckValues(check: HealthCheckPlan): Partial<Record<'type' | HealthCheckKey, string>> {
  if (check.type === 'none') return { type: check.type };
  const own = { type: check.type, ...(check.port === null ? {} : { port: String(check.port) }) };
  if (check.type === 'tcp') return own;
  const { tls } = check;
  const secured =
    tls === null
      ? {}
      : {
          tls: 'true',
          verify: String(tls.verify),
          ...(tls.serverName === null ? {} : { server_name: tls.serverName }),
        };
  if (check.type === 'http') {
    const { path, host, expectStatus } = check;
    return { ...own, path, ...(host === null ? {} : { host }), expect_status: showStatus(expectStatus), ...secured };
  }
  const { send, expect, match } = check;
  return { ...own, ...(send === null ? {} : { send }), expect, match, ...secured };
}
