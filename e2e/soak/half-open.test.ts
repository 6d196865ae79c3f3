// SYNs without a client: a connection that never completes is the kernel's business, takes no slot and keeps nobody out. Runs
// in a network namespace whose cable takes answers to the wrong place.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { forEachEngine } from '../harness/engines.ts';
import { lackingCable } from './elsewhere.ts';
import { runInNamespace } from './namespace.ts';
import { scale } from './scale.ts';

const HALF_OPEN = scale(200, 2000);
const MAIN = fileURLToPath(new URL('./half-open-main.js', import.meta.url));

forEachEngine(
  `${HALF_OPEN} connections that never complete keep nobody out, and are counted nowhere`,
  async (t, engine) => {
    const said = await runInNamespace('/etc/resolv.conf', MAIN, [engine, `${HALF_OPEN}`]);
    assert.match(said, /half-open/);
    t.diagnostic(said.trim());
  },
  lackingCable(),
);
