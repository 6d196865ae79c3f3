// The faults of a backend with a fixed address.
import type { Backend, Behaviour } from '../../harness/backend.ts';
import { named, resets, sendsThenResets, silent } from '../../harness/behaviours.ts';
import { openBlackHole } from '../../../lib/testing/black-hole.ts';
import type { Fault, UnderWay } from './fault.ts';

/** The answer of the faulty backend while it works. */
export const FAULTY = 'faulty';

const SLOW_MS = 300;
const FLAP_MS = 300;
const IDLE_MS = 1000;

/** Behaves differently on each connection until repaired. */
const behaving =
  (behaviour: Behaviour) =>
  (_t: unknown, faulty: Backend): Promise<UnderWay> => {
    faulty.behave(behaviour);
    return Promise.resolve({
      repair() {
        faulty.behave(named(FAULTY));
        return Promise.resolve();
      },
    });
  };

export const FAULTS: readonly Fault[] = [
  {
    name: 'refuses',
    async begin(_t, faulty) {
      await faulty.refuse();
      return { repair: () => faulty.recover() };
    },
    alone: ['reset'],
    beside: ['ok'],
    detected: true,
  },
  {
    name: 'drops SYNs (its queue is full)',
    async begin(t, faulty) {
      await faulty.refuse();
      const close = await openBlackHole(t, faulty.port);
      const repair = async (): Promise<void> => {
        await close();
        await faulty.recover();
      };
      return { repair };
    },
    alone: ['reset'],
    beside: ['ok'],
    detected: true,
  },
  {
    name: 'accepts, then resets',
    begin: behaving(resets),
    alone: ['reset'],
    beside: ['ok', 'reset'],
    detected: 'perhaps',
  },
  {
    name: `accepts and never answers (idle limit ${IDLE_MS} ms)`,
    idleMs: IDLE_MS,
    begin: behaving(silent),
    // Nothing is in flight at the timeout, so it ends with a FIN.
    alone: ['short'],
    beside: ['ok', 'short'],
    detected: false,
  },
  {
    name: 'sends 1000 bytes, then resets',
    begin: behaving(sendsThenResets(3, 1000)),
    alone: ['reset'], // never a clean end, which would make half an answer look complete
    beside: ['ok', 'reset'],
    detected: false,
  },
  {
    name: 'half-closes: ends its direction first and reads on',
    begin: behaving((socket) => {
      socket.resume();
      socket.end(FAULTY);
    }),
    alone: ['ok'],
    beside: ['ok'],
    detected: false,
  },
  {
    name: `closes slowly: ${SLOW_MS} ms after its answer`,
    begin: behaving((socket) => {
      socket.resume();
      socket.write(FAULTY);
      setTimeout(() => socket.end(), SLOW_MS);
    }),
    alone: ['ok'],
    beside: ['ok'],
    detected: false,
  },
  {
    name: `flaps: refuses ${FLAP_MS} ms, serves ${FLAP_MS} ms`,
    async begin(_t, faulty) {
      let refuses = true;
      let since = performance.now();
      await faulty.refuse();
      return {
        async between() {
          if (performance.now() - since < FLAP_MS) return;
          await (refuses ? faulty.recover() : faulty.refuse());
          refuses = !refuses;
          since = performance.now();
        },
        async repair() {
          if (refuses) await faulty.recover();
        },
      };
    },
    alone: ['ok', 'reset'],
    beside: ['ok'],
    detected: true,
  },
];
