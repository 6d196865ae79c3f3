// What engine.ts promises when nothing comes, when all is to end, how it is ended, when something runs short, and in disorder; held
// against every engine that can run here.

import { hold } from './contract/engines.ts';
import { halfClosedTests } from './contract/half-closed.ts';
import { idleTests } from './contract/idle.ts';
import { keepaliveTests } from './contract/keepalive.ts';
import { leaveTests } from './contract/leave.ts';
import { processTests } from './contract/process.ts';
import { stopTests } from './contract/stop.ts';
import { stormTests } from './contract/storm.ts';

hold({
  idle: idleTests,
  'half-closed': halfClosedTests,
  keepalive: keepaliveTests,
  leave: leaveTests,
  stop: stopTests,
  process: processTests,
  storm: stormTests,
});
