// What a check asks a backend once it is connected, and what the answer means. A bare connect has no question.

import { isLiteral, isPath } from '../../../../config/unix.ts';
import type { BackendPlan, ServicePlan } from '../../../../config/plan.ts';
import { sendProxyOf } from '../../../../config/plan.ts';
import { checkStandsForConnect, type HealthCheckPlan, type TlsPlan } from '../../../../config/health-check.ts';
import { ownHeader } from '../../../proxy-protocol/header.ts';
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

/**
 * What is said before anything else: at the port that clients are sent to, that this connection stands for none of them. What
 * listens elsewhere for checks does not expect it.
 */
export function preambleFor(
  service: Pick<ServicePlan, 'healthCheck' | 'sendProxy'>,
  backend: BackendPlan,
): Uint8Array | null {
  const version = sendProxyOf(service, backend);
  return version === 'none' || !checkStandsForConnect(service.healthCheck) ? null : ownHeader(version);
}

/** Behind a Unix socket. */
export const LOCAL_NAME = 'localhost';

function nameIn(host: string): string | null {
  if (isPath(host)) return LOCAL_NAME;
  return isLiteral(host) ? null : host;
}

function securedFor(tls: TlsPlan | null, backend: BackendPlan): Secured | null {
  if (tls === null) return null;
  const host = backend.discoveredFrom ?? backend.host;
  return { serverName: tls.serverName ?? nameIn(host), address: isPath(host) ? LOCAL_NAME : host, verify: tls.verify };
}
