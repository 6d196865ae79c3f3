// Writes e2e/RELIABILITY.md: plays every backend fault on every engine and puts what was seen into a table. A part of
// `npm run e2e:soak`; by itself: node .build/e2e/soak/reliability.js
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { describeMachine } from '../bench/machine.ts';
import { ENGINES, missing } from '../harness/engines.ts';
import { ROOT } from '../harness/root.ts';
import { FAULTS } from './backend-faults/faults.ts';
import { judge } from './backend-faults/judge.ts';
import { runNamed } from './backend-faults/named.ts';
import { NAME_FAULTS } from './backend-faults/name-faults.ts';
import { type Row, runFaults, SETTINGS } from './backend-faults/run.ts';
import { lackingNamespace } from './namespace.ts';
import { owned } from './owned.ts';

function seen(counts: Row['alone']): string {
  return Object.entries(counts)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}

function line({ fault, engine, alone, beside, state, why, detectedMs, recoveredMs }: Row): string {
  const detected = detectedMs === null ? 'not by bal' : `${detectedMs.toFixed(0)} ms`;
  return `| ${[fault, engine, seen(alone), seen(beside), state, why, detected, `${recoveredMs.toFixed(0)} ms`].join(' | ')} |`;
}

const rows: Row[] = [];
const left: string[] = [];
for (const engine of ENGINES) {
  const reason = missing(engine);
  if (reason !== null) {
    left.push(`engine ${engine}: ${reason}`);
    continue;
  }
  const own = await owned((owner) => runFaults(owner, engine, FAULTS));
  judge(FAULTS, own);
  rows.push(...own);
  const lacking = lackingNamespace();
  if (lacking !== null) {
    left.push(`faults of names, engine ${engine}: ${lacking}`);
    continue;
  }
  const byName = await runNamed(engine);
  judge(NAME_FAULTS, byName);
  rows.push(...byName);
}
rows.sort((a, b) => a.fault.localeCompare(b.fault) || a.engine.localeCompare(b.engine));

const { commit, kernel, memoryGib } = describeMachine();
const date = new Date().toISOString().slice(0, 10);
const where = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}, ${memoryGib.toFixed(0)} GiB, ${kernel}, Node ${process.version}`;
const [load = 0] = loadavg();
const file = join(ROOT, 'e2e', 'RELIABILITY.md');
writeFileSync(
  file,
  `# What happens when things go wrong

Written by \`npm run e2e:soak\` (\`e2e/soak/reliability.ts\`): measured, not promised. ${date}, commit ${commit}, on ${where}; load average ${load.toFixed(1)} at the end. Times include the load of all scenarios at once and of whatever else the machine did.

## Backend faults

Each fault has a service with the faulty backend alone and one with a healthy backend beside it. A client connects, waits for the answer and closes; \`reset\` is a connection that the client saw reset. Detection counts from the fault until \`bal status\` says \`down\`, recovery from the repair until it says \`up\` and a client of that backend is served. The clock looks every 5 ms on the way down and every 20 ms on the way up.

Settings: ${Object.entries(SETTINGS)
    .map(([key, value]) => `\`${key}: ${value}\``)
    .join(', ')}.

| fault | engine | clients, faulty backend alone | clients, healthy one beside it | \`status\` | \`why\` | detected after | recovered after |
|---|---|---|---|---|---|---|---|
${rows.map(line).join('\n')}

bal looks at connects. What goes wrong on an open connection (a reset, silence, a wrong answer) it passes on as it is and does not hold against the backend: a TCP load balancer cannot tell a broken backend from one that means it.
${left.length === 0 ? '' : `\nNot run here: ${left.join('; ')}.\n`}
## What else is proved, and where

| promise | scenario |
|---|---|
| reloads under load: nobody refused, nobody reset, no wrong byte; memory and descriptors as before; only what outlives the drain time is cut, and counted | \`e2e/soak/reload-storm.test.ts\` |
| reloads that meet a dying worker, another reload, a stop, a switch of the address, half-closed connections, a removed service | \`e2e/soak/reload-races.test.ts\` |
| health, cool-down, protection, counters and the round survive a reload; no client before a check has passed | \`e2e/soak/state-across-reload.test.ts\` |
| a hung worker is noticed, replaced, its clients counted | \`e2e/soak/hung-worker.test.ts\` |
| workers that crash at start; a crash loop backs off, is reported, and heals | \`e2e/soak/broken-worker.test.ts\` |
| workers killed one by one and all at once, under load | \`e2e/soak/killed-workers.test.ts\` |
| the primary killed under load: the port is free for a new start, open connections finish, no orphans | \`e2e/soak/killed-primary.test.ts\` |
| PID files and sockets that are not ours | \`e2e/soak/foreign-files.test.ts\` |

## Not proved here

- Several hosts: backends, clients and bal share one kernel and the loopback device. Real packet loss, reordering, MTU trouble, and a cable that is pulled (where neither FIN nor RST arrives) are not tested.
- A slow network (\`tc netem\`) is not tested here.
- A name server that is slow, or answers differently from query to query, is not tested; one that says "no such name" is.
- A hung primary (SIGSTOP) is not replaced by anything: it is a promise of the service manager, not of bal. The workers go on with what they last knew; that is not tested for long times.
- A kernel that runs out of memory and kills a process of bal is tested only as the SIGKILL that it sends.
- A client that a worker had accepted at the instant it was killed is lost with it, as promised; how many that can be at most is not bounded by a test, only reported.
- Clocks, disks, overload and hostile input have scenarios of their own outside this folder.
`,
);
console.log(`${file} is written`);
