// Corrupted copies of valid bytes: changed, cut out, doubled, inserted or truncated at any place, as by a bad disk, a
// bad editor or malice.
import * as fc from 'fast-check';

type Edit =
  | { readonly kind: 'change' | 'insert'; readonly at: number; readonly byte: number }
  | { readonly kind: 'cut' | 'double'; readonly at: number; readonly length: number }
  | { readonly kind: 'break'; readonly at: number };

const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 0x0a, 0x0d, 0x20, 0x22, 0x2d, 0x30, 0x3a, 0x80, 0xff));
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constantFrom('change', 'insert'), at: fc.nat(), byte }),
  fc.record({ kind: fc.constantFrom('cut', 'double'), at: fc.nat(), length: fc.integer({ min: 1, max: 64 }) }),
  fc.record({ kind: fc.constant('break'), at: fc.nat() }),
);

function apply(bytes: Buffer, change: Edit): Buffer {
  const at = bytes.length === 0 ? 0 : change.at % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (change.kind) {
    case 'change':
      return Buffer.concat([before, Buffer.of(change.byte), after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.of(change.byte), after]);
    case 'cut':
      return Buffer.concat([before, after.subarray(change.length)]);
    case 'double':
      return Buffer.concat([before, after.subarray(0, change.length), after]);
    case 'break':
      return before;
  }
}

/** One of the seeds with one to six such changes. */
export function mutant(...seeds: readonly (string | Buffer)[]): fc.Arbitrary<Buffer> {
  const seed = fc.constantFrom(...seeds.map((text) => Buffer.from(text)));
  return fc
    .tuple(seed, fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([bytes, edits]) => edits.reduce(apply, bytes));
}
