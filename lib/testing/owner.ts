// Cleans up in reverse order, and completely. node:test runs `after` hooks in the order they were added and stops at
// the first that throws, so there is one hook per owner, which runs a stack of its own.

import { after } from 'node:test';

/** Its end is the end of everything started for it: a test, or a file of tests. */
export interface Owner {
  after(end: () => void | Promise<void>): void;
}

const stacks = new WeakMap<Owner, (() => unknown)[]>();

async function unwind(stack: (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (let end = stack.pop(); end !== undefined; end = stack.pop()) {
    try {
      await end();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('; '));
}

/** The test file that calls this while it is loaded. Within a test, node:test's `after` would mean that test only. */
export function thisFile(): Owner {
  const stack: (() => unknown)[] = [];
  after(() => unwind(stack));
  const owner: Owner = { after: (end) => void stack.push(end) };
  stacks.set(owner, stack);
  return owner;
}

/** Runs `end` after the owner is over, before everything added earlier. */
export function atEnd(owner: Owner, end: () => unknown): void {
  const known = stacks.get(owner);
  if (known !== undefined) {
    known.push(end);
    return;
  }
  const stack = [end];
  stacks.set(owner, stack);
  owner.after(() => unwind(stack));
}

const lastThings = new Set<() => void>();
let listening = false;

/**
 * Runs `end`, which must be synchronous, when this process exits in any way that it can notice: the runner kills a test
 * that runs out of time without running its hooks. Returns how to cancel it.
 */
export function atExit(end: () => void): () => void {
  if (!listening) {
    listening = true;
    process.once('exit', () => {
      for (const last of [...lastThings].toReversed()) {
        try {
          last();
        } catch (error) {
          process.stderr.write(`${String(error)}\n`);
        }
      }
    });
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(name, () => {
        process.stderr.write(`These tests were ended from outside by ${name}\n`);
        process.exit(1);
      });
    }
  }
  lastThings.add(end);
  return () => void lastThings.delete(end);
}
