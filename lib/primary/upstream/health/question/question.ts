// What a check asks a connected backend, and what the answer means. A bare connect has no question.

import { isLiteral, isPath } from '../../../../../config/unix.ts';
import type { BackendPlan, ServicePlan } from '../../../../../config/plan.ts';
import { sendProxyOf } from '../../../../../config/plan.ts';
import { checkStandsForConnect, type HealthCheckPlan, type TlsPlan } from '../../../../../config/health-check.ts';
import { ownHeader } from '../../../../proxy-protocol/header.ts';
import { expectQuestion } from './expect.ts';
import { httpQuestion } from './http.ts';
import type { Secured } from './tls.ts';

export interface Question {
  /** null: the backend speaks first. */
  readonly send: Uint8Array | null;
  /** null: no TLS. */
  readonly tls: Secured | null;
  /** Makes a judge for one answer. */
  readonly judge: () => Judge;
}

/** The content of the question, without TLS. */
export type Words = Omit<Question, 'tls'>;

export interface Judge {
  /** Takes the next bytes; null if more are needed. What it keeps is bounded. */
  read(bytes: Buffer): Verdict | null;
  /** No more bytes come. */
  end(): Verdict;
}

/** `fact` is what was wrong, for people: short, and safe to print. */
export type Verdict = { readonly ok: true } | { readonly ok: false; readonly fact: string };

/** null: a connect is all that is asked. */
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
 * What is sent first: at the clients' port, a PROXY header that says that this connection is bal's own. A separate check port
 * does not expect one.
 */
export function preambleFor(
  service: Pick<ServicePlan, 'healthCheck' | 'sendProxy'>,
  backend: BackendPlan,
): Uint8Array | null {
  const version = sendProxyOf(service, backend);
  return version === 'none' || !checkStandsForConnect(service.healthCheck) ? null : ownHeader(version);
}

/** The name behind a Unix socket. */
export const LOCAL_NAME = 'localhost';

function nameIn(host: string): string | null {
  if (isPath(host)) return LOCAL_NAME;
  return isLiteral(host) ? null : host;
}

function securedFor(tls: TlsPlan | null, backend: BackendPlan): Secured | null {
  if (tls === null) return null;
  const host = backend.hostname ?? backend.host;
  return { serverName: tls.serverName ?? nameIn(host), address: isPath(host) ? LOCAL_NAME : host, verify: tls.verify };
}
