// The engines that can run here, by name.

import { describe, test } from 'node:test';
import { createJsEngine } from '../../engine/js.ts';
import { loadNativeEngine } from '../../engine/native.ts';
import type { CreateEngine } from '../../engine/engine.ts';

export type EngineName = 'js' | 'native';

type Loaded = { readonly ok: true; readonly create: CreateEngine } | { readonly ok: false; readonly reason: string };

export function engineNamed(name: EngineName): Loaded {
  return name === 'js' ? { ok: true, create: createJsEngine } : loadNativeEngine();
}

/** Runs parts of the contract against every engine that can run here. */
export function hold(parts: Readonly<Record<string, (create: CreateEngine, name: EngineName) => void>>): void {
  for (const name of ['js', 'native'] as const) {
    const engine = engineNamed(name);
    if (!engine.ok) {
      test(name, { skip: engine.reason });
      continue;
    }
    for (const [part, tests] of Object.entries(parts)) describe(`${name}: ${part}`, () => tests(engine.create, name));
  }
}
