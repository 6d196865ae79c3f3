// What was read of the configuration, for who watches it: one content is tried once.

import type { RefusedReload } from '../../control/watch.ts';
import type { InstanceState } from './reload.ts';

export interface Contents {
  /** Fingerprints of what serves, and of what was refused last. */
  known(): { readonly serves: string; readonly refused: string | null };
  /** The last reload, if it was refused. */
  readonly refused: RefusedReload | null;
  /** What was refused is not there any more. */
  restored(): void;
}

export function contentsOf(state: InstanceState): Contents {
  return {
    known: () => ({ serves: state.filePlan.fingerprint, refused: state.refused === null ? null : state.read }),
    get refused() {
      return state.refused;
    },
    restored() {
      state.refused = null;
    },
  };
}
