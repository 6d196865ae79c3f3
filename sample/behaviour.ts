// How a sample backend can misbehave, and the words that ask for it.

export type Behaviour =
  /** Answer as it should. */
  | { readonly kind: 'serve' }
  /** Accept, then read and answer nothing. */
  | { readonly kind: 'stall' }
  /** Close the listening socket: the kernel refuses new connections; open ones go on. */
  | { readonly kind: 'refuse' }
  /** Reset every connection, open ones too. */
  | { readonly kind: 'reset' }
  /** Answer `ms` late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Answer once, send the end (FIN), and go on reading until the client ends too. */
  | { readonly kind: 'half-close' }
  /** Refuse and serve in turn, `ms` each. */
  | { readonly kind: 'flap'; readonly ms: number };

/** For --help and for the answer to a word that is none of them. */
export const behaviourWords = 'serve | stall | refuse | reset | slow MS | half-close | flap MS';

const longestMs = 3_600_000;

/** `stall`, `slow 200`, `slow/200`: the behaviour, or null when the words name none. */
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

/** The words that parseBehaviour() reads back. */
export function describe(behaviour: Behaviour): string {
  return 'ms' in behaviour ? `${behaviour.kind} ${behaviour.ms}` : behaviour.kind;
}
