// Tests what engine.ts promises about timeouts, closing, exhaustion and a storm of disorder, with every engine that can
// run here.

import { hold } from '../testing/engine/engines.ts';
import { halfClosedTests } from '../testing/engine/half-closed.ts';
import { idleTests } from '../testing/engine/idle.ts';
import { keepaliveTests } from '../testing/engine/keepalive.ts';
import { leaveTests } from '../testing/engine/leave.ts';
import { processTests } from '../testing/engine/process.ts';
import { stopTests } from '../testing/engine/stop.ts';
import { stormTests } from '../testing/engine/storm.ts';

hold({
  idle: idleTests,
  'half-closed': halfClosedTests,
  keepalive: keepaliveTests,
  leave: leaveTests,
  stop: stopTests,
  process: processTests,
  storm: stormTests,
});
