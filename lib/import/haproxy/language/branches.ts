// Evaluates `.if`, `.elif`, `.else` and `.endif`: which lines apply.
import type { Ledger } from '../../ledger.ts';
import { entryFor } from '../../values.ts';
import type { Environment } from './lex.ts';
import type { HaLine } from './sections.ts';

interface Branch {
  isTaken: boolean;
  wasTaken: boolean;
}

export interface Branches {
  step(line: HaLine, environment: Environment, ledger: Ledger): void;
  isTaken(): boolean;
  isOpen(): boolean;
}

export function branches(): Branches {
  const open: Branch[] = [];

  function enter(branch: Branch, line: HaLine, environment: Environment, ledger: Ledger): void {
    const holds = !branch.wasTaken && verdict(line, environment, ledger);
    branch.isTaken = holds;
    branch.wasTaken ||= holds;
  }

  return {
    isTaken: () => open.every(({ isTaken }) => isTaken),
    isOpen: () => open.length > 0,
    step(line, environment, ledger) {
      const [word = ''] = line.words;
      const top = open.at(-1);
      if (word === '.if') {
        const branch = { isTaken: false, wasTaken: false };
        open.push(branch);
        enter(branch, line, environment, ledger);
      } else if (top !== undefined && word === '.elif') enter(top, line, environment, ledger);
      else if (top !== undefined && word === '.else') {
        top.isTaken = !top.wasTaken;
        top.wasTaken = true;
        ledger.used(line);
      } else if (top !== undefined && word === '.endif') {
        open.pop();
        ledger.used(line);
      } else if (/^\.(notice|diag|warning|alert)$/.test(word)) ledger.unneeded(line, 'a message of the configuration');
      else ledger.lost(line, 'bal import does not know it here', 'remove it and import again');
    },
  };
}

/** Conditions that bal cannot evaluate (`feature(OPENSSL)`) count as true. */
function verdict(line: HaLine, environment: Environment, ledger: Ledger): boolean {
  const text = line.words.slice(1).join(' ').trim();
  const holds = evaluate(text, environment);
  if (holds === null) ledger.differs(line, 'bal import takes it to hold', 'look whether it does');
  else ledger.used(line);
  return holds ?? true;
}

function evaluate(text: string, environment: Environment): boolean | null {
  if (/\|\||&&/.test(text)) return null;
  const [, negation = '', name = '', inner] = /^(!*)\s*([a-z_0-9]*)(?:\((.*)\))?$/i.exec(text) ?? [];
  const plain = simple(name, inner, text, environment);
  return plain === null ? null : plain !== (negation.length % 2 === 1);
}

function simple(name: string, inner: string | undefined, text: string, environment: Environment): boolean | null {
  if (text === '' || name === 'false') return false;
  if (name === 'true') return true;
  if (inner === undefined) return /^\d{1,9}$/.test(name) ? Number(name) !== 0 : null;
  const [first = '', second = ''] = inner.split(',').map((it) => it.trim().replace(/^(['"])(.*)\1$/, '$2'));
  if (name === 'defined') return entryFor(environment, first) !== undefined;
  if (name === 'streq') return first === second;
  return name === 'strneq' ? first !== second : null;
}
