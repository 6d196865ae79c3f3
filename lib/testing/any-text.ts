// Arbitrary text for property tests. fast-check's own (unit: 'binary') first maps a million code points back to their
// places, which takes more than a second of CPU in every test file.

import { array, integer, oneof, type Arbitrary } from 'fast-check';

/** Text of whole code points, a third of them below 0x300. */
export function anyText({ maxLength = 10 }: { readonly maxLength?: number } = {}): Arbitrary<string> {
  const point = oneof(
    integer({ min: 0, max: 0x2ff }),
    integer({ min: 0, max: 0xd7ff }),
    integer({ min: 0xe000, max: 0x10ffff }),
  );
  return array(point, { maxLength }).map((points) => String.fromCodePoint(...points));
}
