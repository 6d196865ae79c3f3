// Which contents of the configuration were read, so that the watch tries each content once.

import type { RefusedReload } from '../../control/watch.ts';
import type { InstanceState } from './reload.ts';

export interface Contents {
  /** Fingerprints of the content that serves and of the one that was refused last. */
  known(): { readonly serves: string; readonly refused: string | null };
  /** The last reload, if it was refused. */
  readonly refused: RefusedReload | null;
  /** The refused content has been replaced by the one that serves. */
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
