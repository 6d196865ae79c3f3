// Faulty backends of every kind: what clients see, what bal reports, and that it recovers.
import { forEitherEngine } from '../harness/engines.ts';
import { FAULTS } from './backend-faults/faults.ts';
import { judge } from './backend-faults/judge.ts';
import { runNamed } from './backend-faults/named.ts';
import { NAME_FAULTS } from './backend-faults/name-faults.ts';
import { runFaults } from './backend-faults/run.ts';
import { lackingNamespace } from './namespace.ts';

forEitherEngine('backends that refuse, hang, reset, stay silent, half-close, are slow, or flap', async (t, engine) => {
  judge(FAULTS, await runFaults(t, engine, FAULTS));
});

forEitherEngine(
  'backends whose name resolves to nothing, to several addresses, or to another address',
  async (_t, engine) => {
    judge(NAME_FAULTS, await runNamed(engine));
  },
  lackingNamespace(),
);
