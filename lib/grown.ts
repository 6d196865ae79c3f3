// Growth of flat arrays indexed by small ids.

type Values = Float64Array | Int32Array;

/** Returns the array if it has room for `index`, else a longer copy with zeros at the end. */
export function grown<T extends Values>(values: T, index: number): T {
  if (index < values.length) return values;
  const length = Math.max(index + 1, values.length * 2);
  const longer = values instanceof Int32Array ? new Int32Array(length) : new Float64Array(length);
  longer.set(values);
  return longer as T;
}
