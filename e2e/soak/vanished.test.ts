// Peers that vanish silently: in a network namespace whose cable is cut. TCP keepalive detects them; while bytes are in flight,
// when TCP sends no keepalive probes, the native engine does. Mostly waiting: six probes, 10 s apart.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { forEachEngine } from '../harness/engines.ts';
import { lackingCable } from './elsewhere.ts';
import { runInNamespace } from './namespace.ts';

const MAIN = fileURLToPath(new URL('./vanished-main.js', import.meta.url));

forEachEngine(
  'a client and a backend that have vanished are found, their places are free, and the other side is reset',
  async (t, engine) => {
    const said = await runInNamespace('/etc/resolv.conf', MAIN, [engine], 200_000);
    assert.match(said, /found after/);
    t.diagnostic(said.trim());
  },
  lackingCable(),
);
