// Advice on database servers, which are known by their ports.
import type { ServiceDraft } from './draft.ts';
import { isLoopback } from './host.ts';
import { problemAt, type Problem } from './problem.ts';

/** Maps the port of a protocol to what happens when a query cancellation reaches a server other than the session's. */
const CANCELS: ReadonlyMap<number, string> = new Map([
  [
    5432,
    "a cancel request (Ctrl-C in psql) may go to another server than its session's, which ignores it: the query runs on",
  ],
  [
    3306,
    "KILL QUERY (Ctrl-C in mysql) may go to another server than its session's, and stops the query of an innocent session there",
  ],
]);

/** A cancellation arrives on its own connection, and no method routes it to the session's server. */
export function strayCancels({ backends }: ServiceDraft): Problem[] {
  if (backends.length < 2) return [];
  return [...CANCELS].flatMap(([port, message]) => {
    const first = backends.find((backend) => backend.sound && backend.port.value === port);
    if (first === undefined) return [];
    return [
      problemAt(first.port.mark, first.path, message, 'give each of these servers a service and port of its own'),
    ];
  });
}

const MYSQL = 3306;

/**
 * A tcp check is a connect without a login, which MariaDB and MySQL count as an error of bal's address until the next login. With the
 * default settings a few minutes without a client are enough for them to block it. They do not count their own machine's.
 */
export function blockingChecks({ backends, healthCheck: { type, port } }: ServiceDraft): Problem[] {
  if (!type.sound || !port.sound || type.value !== 'tcp') return [];
  const first = backends.find(
    ({ sound, port: its, canonical }) => sound && (port.value || its.value) === MYSQL && !isLoopback(canonical),
  );
  if (first === undefined) return [];
  const message =
    'MariaDB and MySQL count each tcp check as a failed connect: after 100 without a login (max_connect_errors) they block bal, and with it all clients';
  const hint = 'choose a health_check that logs in, or type none, or raise max_connect_errors there';
  return [problemAt(first.port.mark, first.path, message, hint)];
}
