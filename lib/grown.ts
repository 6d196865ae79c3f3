// Flat arrays by small ids grow as ids come.

type Values = Float64Array | Int32Array;

/** The array itself when it has room for `index`, else a longer one with what it held; new places hold 0. */
export function grown<T extends Values>(values: T, index: number): T {
  if (index < values.length) return values;
  const length = Math.max(index + 1, values.length * 2);
  const longer = values instanceof Int32Array ? new Int32Array(length) : new Float64Array(length);
  longer.set(values);
  return longer as T;
}
