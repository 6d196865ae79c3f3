/** The default branch of a switch over a closed union: the compiler refuses it while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`Cannot happen: unhandled ${JSON.stringify(value)}`);
}
