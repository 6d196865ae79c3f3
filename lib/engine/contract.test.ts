// What engine.ts promises, held against every engine that can run here.

import { describe, test } from 'node:test';
import { closeTests } from './contract/close.ts';
import { decideTests } from './contract/decide.ts';
import { engineNamed } from './contract/engines.ts';
import { idleTests } from './contract/idle.ts';
import { pressureTests } from './contract/pressure.ts';
import { processTests } from './contract/process.ts';
import { relayTests } from './contract/relay.ts';
import { stopTests } from './contract/stop.ts';
import { stormTests } from './contract/storm.ts';

for (const name of ['js', 'native'] as const) {
  const engine = engineNamed(name);
  if (!engine.ok) {
    test(name, { skip: engine.reason });
    continue;
  }
  const { create } = engine;
  describe(`${name}: relay`, () => relayTests(create));
  describe(`${name}: close`, () => closeTests(create));
  describe(`${name}: decide`, () => decideTests(create));
  describe(`${name}: idle`, () => idleTests(create));
  describe(`${name}: pressure`, () => pressureTests(create));
  describe(`${name}: stop`, () => stopTests(create));
  describe(`${name}: process`, () => processTests(name));
  describe(`${name}: storm`, () => stormTests(create));
}
