// Creates the picker of a method.

import type { Method } from '../../../../config/plan.ts';
import { unreachable } from '../../../unreachable.ts';
import { createLeastConnections } from './least-connections.ts';
import type { Picker } from './picker.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';
import { createSourceHash } from './source-hash.ts';

/** `startOf`: the turn to begin with in a round of this length, for methods with turns. */
export function createPicker(method: Method, startOf: (length: number) => number): Picker {
  switch (method) {
    case 'round_robin':
      return createRoundRobin(startOf);
    case 'least_connections':
      return createLeastConnections(startOf);
    case 'random':
      return createRandom();
    case 'source_hash':
      return createSourceHash();
    default:
      return unreachable(method);
  }
}
