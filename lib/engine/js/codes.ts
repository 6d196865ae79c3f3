// The codes of engine.ts's enumerations by name.

import { CONNECT_FAILURES, ENDS } from '../engine.ts';

type Places<Names extends readonly string[]> = {
  readonly [Place in keyof Names & `${number}` as Names[Place] & string]: Place extends `${infer N extends number}`
    ? N
    : never;
};

function placesOf<const Names extends readonly string[]>(names: Names): Places<Names> {
  return Object.fromEntries(names.map((name, place) => [name, place])) as Places<Names>;
}

export const FAILURE = placesOf(CONNECT_FAILURES);
export const END = placesOf(ENDS);
