// What a check asks a backend once it is connected, and what the answer means. A bare connect has no question.

import { isIP } from 'node:net';
import type { BackendPlan } from '../../../../config/plan.ts';
import type { HealthCheckPlan, TlsPlan } from '../../../../config/health-check.ts';
import { expectQuestion } from './expect.ts';
import { httpQuestion } from './http.ts';
import type { Secured } from './tls.ts';

export interface Question {
  /** null: the backend speaks first. */
  readonly send: Uint8Array | null;
  /** null: in the clear. */
  readonly tls: Secured | null;
  /** One for each answer. */
  readonly judge: () => Judge;
}

/** What is said in it, whether it is secured or not. */
export type Words = Omit<Question, 'tls'>;

export interface Judge {
  /** The next bytes; null: more are needed. What it keeps of them is bounded. */
  read(bytes: Buffer): Verdict | null;
  /** No more come. */
  end(): Verdict;
}

/** `fact`: what was wrong, for people: short, and safe to print. */
export type Verdict = { readonly ok: true } | { readonly ok: false; readonly fact: string };

/** null: that it can be connected is all that is asked. */
export function questionFor(check: HealthCheckPlan, backend: BackendPlan): Question | null {
  switch (check.type) {
    case 'none':
    case 'tcp':
      return null;
    case 'http':
      return { ...httpQuestion(check, backend), tls: securedFor(check.tls, backend) };
    case 'expect':
      return { ...expectQuestion(check), tls: securedFor(check.tls, backend) };
  }
}

function securedFor(tls: TlsPlan | null, { host }: BackendPlan): Secured | null {
  if (tls === null) return null;
  return { serverName: tls.serverName ?? (isIP(host) === 0 ? host : null), address: host, verify: tls.verify };
}
