// Tests what engine.ts promises before relaying begins, with every engine that can run here.

import { hold } from '../testing/engine/engines.ts';
import { inspectTests } from '../testing/engine/inspect.ts';
import { preambleTests } from '../testing/engine/preamble.ts';
import { standsForTests } from '../testing/engine/stands-for.ts';

hold({ inspect: inspectTests, preamble: preambleTests, 'stands for': standsForTests });
