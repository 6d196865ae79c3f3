// The engines that can run here, by name.

import { existsSync } from 'node:fs';
import type { CreateEngine } from '../engine.ts';
import { createJsEngine } from '../js.ts';

export type Available =
  { readonly ok: true; readonly create: CreateEngine } | { readonly ok: false; readonly reason: string };

export async function engineNamed(name: 'js' | 'native'): Promise<Available> {
  if (name === 'js') return { ok: true, create: createJsEngine };
  const module = new URL('../native.js', import.meta.url);
  if (!existsSync(module)) return { ok: false, reason: 'lib/engine/native.ts does not exist' };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { loadNativeEngine } = (await import(module.href)) as { loadNativeEngine: () => Available };
  return loadNativeEngine();
}
