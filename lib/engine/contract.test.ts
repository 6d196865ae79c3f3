// Tests what engine.ts promises about bytes, ends and decisions, with every engine that can run here. The rest is in
// contract-first.test.ts and contract-trouble.test.ts, because together they run longer than one file should.

import { closeTests } from '../testing/engine/close.ts';
import { decideTests } from '../testing/engine/decide.ts';
import { hold } from '../testing/engine/engines.ts';
import { pressureTests } from '../testing/engine/pressure.ts';
import { relayTests } from '../testing/engine/relay.ts';
import { targetsTests } from '../testing/engine/targets.ts';
import { unixTests } from '../testing/engine/unix.ts';

hold({
  relay: relayTests,
  close: closeTests,
  decide: decideTests,
  pressure: pressureTests,
  targets: targetsTests,
  unix: unixTests,
});
