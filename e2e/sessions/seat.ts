// Keeps a client working until something happens to it, and records that.
import type { Kind, Session } from './kind.ts';

export interface Seat {
  readonly kind: Kind;
  /** Does a piece of work, unless it was harmed before. */
  works(): Promise<void>;
  /** What happened to it, or null. */
  harm(): string | null;
}

/** A client that cannot start counts as harmed. */
export async function takeSeat(kind: Kind, open: () => Promise<Session>): Promise<Seat> {
  let harm: string | null = null;
  const attempt = async <T>(action: () => Promise<T>): Promise<T | null> => {
    try {
      return await action();
    } catch (error) {
      harm = error instanceof Error ? error.message : String(error);
      return null;
    }
  };
  const session = await attempt(open);
  return {
    kind,
    harm: () => harm,
    async works() {
      if (session !== null && harm === null) await attempt(() => session.works());
    },
  };
}
