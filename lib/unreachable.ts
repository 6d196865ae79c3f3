/** For the default branch of a switch over a closed union: it does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`Cannot happen: unhandled ${JSON.stringify(value)}`);
}
