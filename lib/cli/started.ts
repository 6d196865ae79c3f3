// What `bal start -d` prints about the instance it started: listeners, backends, log and admin address.
import { addressOf } from '../../config/plan.ts';
import { request } from '../control/client.ts';
import type { ServiceStatus } from '../control/protocol.ts';
import type { Home } from '../paths.ts';
import { PATIENCE_MS, isStatus, reach } from './reach.ts';
import { whereOf } from '../control/listeners.ts';

/** Empty if it does not answer in time: that it runs is printed already. */
export async function startedLines(at: Home): Promise<string[]> {
  const reached = await reach(at, 'GET', '/status', PATIENCE_MS);
  if (reached.kind !== 'answered' || !isStatus(reached.body)) return [];
  const { services, log } = reached.body;
  const admin = await adminAddress(at);
  return [
    ...services.map((service) => `  ${service.name}: ${whereOf(service)} → ${backendsText(service)}`),
    ...(log?.file === null || log === null || log === undefined ? [] : [`  log: ${log.file}`]),
    ...(admin === null ? [] : [`  admin: http://${admin}/`]),
  ];
}

/** Up to this many backends are named; of more only the counts. */
const NAMED = 4;

function backendsText({ backends }: ServiceStatus): string {
  const texts = backends.map(({ address, state }) => `${address} ${state ?? '?'}`);
  if (texts.length <= NAMED) return texts.join(', ');
  const up = backends.filter(({ state }) => state === 'up').length;
  return `${backends.length} backends, ${up} up`;
}

async function adminAddress(at: Home): Promise<string | null> {
  const answer = await request(at.socket, 'GET', '/plan', undefined, PATIENCE_MS);
  const plan = answer.ok ? answer.body : null;
  if (typeof plan !== 'object' || plan === null || !('admin' in plan)) return null;
  const { admin } = plan;
  if (typeof admin !== 'object' || admin === null || !('host' in admin) || !('port' in admin)) return null;
  return typeof admin.port === 'number' ? addressOf(String(admin.host), admin.port) : null;
}
