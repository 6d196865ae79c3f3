// What engine.ts promises, held against every engine that can run here: bytes, ends and decisions. The rest is in
// contract-trouble.test.ts, because the two together take longer than one file should.

import { closeTests } from './contract/close.ts';
import { decideTests } from './contract/decide.ts';
import { hold } from './contract/engines.ts';
import { pressureTests } from './contract/pressure.ts';
import { relayTests } from './contract/relay.ts';

hold({ relay: relayTests, close: closeTests, decide: decideTests, pressure: pressureTests });
