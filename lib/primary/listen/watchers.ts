// The read-only control socket for the members of `control_group`. Owns its server. A reload prepares the next server first and
// publishes it when everything else is done.

import { problemAt, type Problem } from '../../../config/problem.ts';
import type { Plan } from '../../../config/plan.ts';
import { groupNow, groupShutOut, letIn } from '../../control/group-access.ts';
import { removeLeftover } from '../../control/listen.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { ControlHandlers, ControlServer, UnseenServer } from '../../control/server.ts';
import { serveQuestions } from '../../control/server.ts';
import type { Home } from '../../paths.ts';

/** Call prepare(), then commit() or abandon(); one round at a time. */
export interface Watchers {
  /** Prepares the socket of the plan. Returns the problem if it cannot; then all is as before. */
  prepare(plan: Plan): Promise<Diagnosis | null>;
  /**
   * Publishes the prepared socket. Members of the last group must connect again. Never throws, since the workers are replaced by
   * then: if it fails, all is as before, and obstacles() tells why.
   */
  commit(): void;
  abandon(): void;
  /** Why members of the group cannot reach the socket. */
  obstacles(): readonly Problem[];
  /** Closes the socket until the next commit(). */
  withdraw(): void;
  close(): Promise<void>;
}

interface Served {
  readonly group: number;
  readonly name: string;
  readonly server: ControlServer;
}

type Next = { readonly group: number; readonly name: string; readonly server: UnseenServer } | 'same' | 'none';

export function createWatchers({ dir, askSocket }: Home, handlers: () => ControlHandlers | null): Watchers {
  let current: Served | null = null;
  let next: Next = 'same';
  /** Why the last commit() failed. */
  let fault: Problem | null = null;
  const ending = new Set<Promise<void>>();

  function withdraw(): void {
    if (current === null) return;
    const end = current.server.close().finally(() => ending.delete(end));
    ending.add(end);
    current = null;
  }

  function abandon(): void {
    if (typeof next === 'object') next.server.discard();
    next = 'same';
  }

  return {
    async prepare({ controlGroup: name }) {
      next = name === null ? 'none' : 'same';
      if (name === null) return null;
      const group = groupNow(name);
      if (group === null) return noGroup(name);
      const its = handlers();
      if (its === null || group === current?.group) return null;
      try {
        next = { group, name, server: await serveQuestions(askSocket, its, group) };
        return null;
      } catch (error) {
        return cannotOpen(name, error);
      }
    },
    commit() {
      const wanted = next;
      fault = null;
      if (wanted === 'same') return;
      try {
        if (wanted === 'none') {
          next = 'same';
          withdraw();
          removeLeftover(askSocket);
          return;
        }
        // Publish the new socket first, so that the path always has one. The old server removes only its own file.
        const server = wanted.server.appear();
        next = 'same';
        withdraw();
        current = { ...wanted, server };
        letIn(dir, wanted.group);
      } catch (error) {
        abandon();
        const { what_happened, do_this_now } = cannotOpen(wanted === 'none' ? '' : wanted.name, error);
        fault = problemAt(null, ['control_group'], what_happened, do_this_now);
      }
    },
    abandon,
    obstacles: () => [...(fault === null ? [] : [fault]), ...groupShutOut(dir, current?.name ?? null)],
    withdraw,
    async close() {
      abandon();
      withdraw();
      await Promise.all(ending);
    },
  };
}

function noGroup(name: string): Diagnosis {
  return {
    what_happened: `there is no group ${name}, which control_group names`,
    why_likely: 'it is misspelt, was removed, or belongs to a directory service, which bal does not ask',
    do_this_now: "correct 'control_group' (getent group shows them all), or write the group's number",
  };
}

function cannotOpen(name: string, error: unknown): Diagnosis {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const what_happened = `cannot open the socket of control_group ${name}: ${error instanceof Error ? error.message : String(error)}`;
  if (code !== 'EPERM') {
    const do_this_now = 'check what is in $BAL_HOME (default ~/.bal), its owner and rights, and the space on its disk';
    return { what_happened, why_likely: 'the home cannot be written to, or has something in its place', do_this_now };
  }
  return {
    what_happened,
    why_likely: 'the user that runs bal is not in that group, or was not when bal was started',
    do_this_now:
      "add it (usermod -aG GROUP USER; in systemd's unit SupplementaryGroups= and SystemCallFilter=@chown) and start bal again",
  };
}
