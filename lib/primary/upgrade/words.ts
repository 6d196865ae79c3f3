// The texts for an operator whose upgrade failed.

import type { Diagnosis } from '../../control/protocol.ts';
import type { UpgradeRequest } from '../../control/upgrade.ts';

export function otherProtocol(version: string): Diagnosis {
  return {
    what_happened: `bal ${version} cannot take over from this version`,
    why_likely: 'it is older, or of a kind that this one does not know',
    do_this_now: "restart bal with it in a quiet hour: 'bal stop', then 'bal start -d'",
  };
}

export function ended({ program }: UpgradeRequest, how: string, early: boolean): Diagnosis {
  return {
    what_happened: `${program} ended before it had taken over (${how})`,
    why_likely: early
      ? "it is no bal, one from before 'bal upgrade', or a broken installation"
      : 'it was killed, is out of memory, or has a defect',
    do_this_now: "look at the log and logs/bal.err; try it by hand with '--version', then upgrade again",
  };
}

export function silent({ program }: UpgradeRequest, early: boolean): Diagnosis {
  return {
    what_happened: early ? `${program} does not speak, and was ended` : `${program} did not get ready, and was ended`,
    why_likely: early ? 'it is no bal' : 'the machine is overloaded, or a name server does not answer',
    do_this_now: "look at the log and run 'bal doctor --verbose', then upgrade again",
  };
}

export function confused({ program }: UpgradeRequest): Diagnosis {
  return {
    what_happened: `${program} did not follow the upgrade protocol, and was killed`,
    why_likely: 'a defect in the new version',
    do_this_now: "report it with the versions of both ('bal status', 'bal --version')",
  };
}

/** For the successor's own log: no command is connected to it. */
export function left(version: string): Diagnosis {
  return {
    what_happened: `the running bal ${version} has ended, or has abandoned the upgrade`,
    why_likely: 'it was killed or stopped meanwhile, or this program took too long',
    do_this_now: "run 'bal status'; if nothing runs, 'bal start -d'",
  };
}

export const taken: Diagnosis = {
  what_happened: 'another instance runs in this home',
  why_likely: 'it was started while the upgrade was under way',
  do_this_now: "run 'bal status' to see which, and upgrade that one",
};

export const aborted: Diagnosis = {
  what_happened: 'bal is being stopped, and the upgrade was given up',
  why_likely: "a signal, or 'bal stop', came meanwhile",
  do_this_now: "start the new version: 'bal start -d'",
};

export function defect(error: unknown): Diagnosis {
  return {
    what_happened: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: 'a defect in bal, or no memory or descriptors left',
    do_this_now: "look at the log, and report it with 'bal --version' and 'node --version'",
  };
}
