// What engine.ts promises, held against every engine that can run here.

import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { closeTests } from './contract/close.ts';
import { decideTests } from './contract/decide.ts';
import { relayTests } from './contract/relay.ts';
import type { CreateEngine } from './engine.ts';
import { createJsEngine } from './js.ts';

type Available = { readonly ok: true; readonly create: CreateEngine } | { readonly ok: false; readonly reason: string };

async function nativeEngine(): Promise<Available> {
  const module = new URL('./native.js', import.meta.url);
  if (!existsSync(module)) return { ok: false, reason: 'lib/engine/native.ts does not exist' };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { loadNativeEngine } = (await import(module.href)) as { loadNativeEngine: () => Available };
  return loadNativeEngine();
}

function contract(name: string, create: CreateEngine): void {
  describe(`${name}: relay`, () => relayTests(create));
  describe(`${name}: close`, () => closeTests(create));
  describe(`${name}: decide`, () => decideTests(create));
}

contract('js', createJsEngine);

const native = await nativeEngine();
if (native.ok) contract('native', native.create);
else test('native', { skip: native.reason });
