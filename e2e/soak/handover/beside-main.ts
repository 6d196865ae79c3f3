// The same storm of reloads for bal, HAProxy and nginx, one after the other: how many connections were cut, how many old
// processes were left, and how much memory all took. By hand: node .build/e2e/soak/handover/beside-main.js [connections]
// [reloads]
import { setTimeout as pause } from 'node:timers/promises';
import type { Owner } from '../../../lib/testing/owner.ts';
import { lacking } from '../../../lib/testing/program.ts';
import { keepFigures } from '../figures.ts';
import { MIB } from '../footprint.ts';
import { owned } from '../owned.ts';
import { type Balancer, memoryOf, NGINX_SHUTDOWN_S, startBalBalancer, startHaproxy, startNginx } from './balancers.ts';
import { fates, openAll, scenery, type Scenery } from './lasting.ts';

const [connections = 2000, reloads = 10] = process.argv.slice(2).map(Number);
const BETWEEN_MS = 1500;
/** Long enough for every timeout to pass; only nginx has one. */
const AFTER_MS = { nginx: (NGINX_SHUTDOWN_S + 4) * 1000, others: 5000 };

export interface BesideRow {
  readonly name: string;
  readonly connections: number;
  readonly reloads: number;
  readonly ok: number;
  readonly cut: number;
  readonly wrong: number;
  /** Processes and MiB: before, right after the last reload, and after all timeouts. */
  readonly processes: readonly [number, number, number];
  readonly mib: readonly [number, number, number];
}

async function storm(scene: Scenery, balancer: Balancer): Promise<BesideRow> {
  // Half of them before the first reload, the others between two reloads.
  const all = await openAll(scene, balancer.ports, connections / 2);
  await pause(2000);
  const look = (): readonly [number, number] => [balancer.pids().length, Math.round(memoryOf(balancer) / MIB)];
  const before = look();
  for (let i = 0; i < reloads; i++) {
    await balancer.reload();
    all.push(...(await openAll(scene, balancer.ports, connections / 2 / reloads)));
    await pause(BETWEEN_MS);
  }
  const after = look();
  await pause(balancer.name.startsWith('nginx') ? AFTER_MS.nginx : AFTER_MS.others);
  const atLast = look();
  const { ok, cut, wrong } = await fates(scene, all);
  return {
    name: balancer.name,
    connections: all.length,
    reloads,
    ok,
    cut,
    wrong,
    processes: [before[0], after[0], atLast[0]],
    mib: [before[1], after[1], atLast[1]],
  };
}

const rows: BesideRow[] = [];
const starts: readonly [string | null, (t: Owner, scene: Scenery) => Promise<Balancer>][] = [
  [null, (t, scene) => startBalBalancer(t, scene, 'native')],
  [lacking('haproxy'), startHaproxy],
  [lacking('nginx', '/usr/lib/nginx/modules/ngx_stream_module.so'), startNginx],
];
for (const [reason, start] of starts) {
  if (reason !== null) {
    console.log(reason);
    continue;
  }
  const row = await owned(async (t) => {
    const scene = await scenery(t);
    return storm(scene, await start(t, scene));
  });
  console.log(JSON.stringify(row));
  rows.push(row);
}
keepFigures('beside', rows);
