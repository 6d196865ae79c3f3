// What engine.ts promises of a connection that goes to another engine; held against every engine that can run here.

import { hold } from '../testing/engine/engines.ts';
import { refusedHandoverTests } from '../testing/engine/handover-refused.ts';
import { handoverStormTests } from '../testing/engine/handover-storm.ts';
import { handoverTests } from '../testing/engine/handover.ts';

hold({ handover: handoverTests, 'handover refused': refusedHandoverTests, 'handover storm': handoverStormTests });
