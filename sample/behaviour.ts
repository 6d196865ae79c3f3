// The behaviours of a sample backend, and the words for them.

export type Behaviour =
  /** Answer normally. */
  | { readonly kind: 'serve' }
  /** Accept, then read and answer nothing. */
  | { readonly kind: 'stall' }
  /** Close the listening socket: the kernel refuses new connections; open ones go on. */
  | { readonly kind: 'refuse' }
  /** Reset every connection, open ones too. */
  | { readonly kind: 'reset' }
  /** Answer `ms` late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Answer once, send a FIN, and go on reading until the client ends too. */
  | { readonly kind: 'half-close' }
  /** Refuse and serve in turn, for `ms` each. */
  | { readonly kind: 'flap'; readonly ms: number };

/** For --help and for the answer to an unknown word. */
export const behaviourWords = 'serve | stall | refuse | reset | slow MS | half-close | flap MS';

const longestMs = 3_600_000;

/** Parses `stall`, `slow 200` or `slow/200`. Null when the words name no behaviour. */
export function parseBehaviour(words: string): Behaviour | null {
  const [kind = '', number, ...rest] = words
    .trim()
    .split(/[\s/]+/)
    .filter((word) => word !== '');
  if (rest.length > 0) return null;
  switch (kind) {
    case 'serve':
    case 'stall':
    case 'refuse':
    case 'reset':
    case 'half-close':
      return number === undefined ? { kind } : null;
    case 'slow':
    case 'flap': {
      const ms = number !== undefined && /^\d{1,7}$/.test(number) ? Number(number) : 0;
      return ms >= 1 && ms <= longestMs ? { kind, ms } : null;
    }
    default:
      return null;
  }
}

/** Returns words that parseBehaviour() accepts. */
export function describe(behaviour: Behaviour): string {
  return 'ms' in behaviour ? `${behaviour.kind} ${behaviour.ms}` : behaviour.kind;
}
