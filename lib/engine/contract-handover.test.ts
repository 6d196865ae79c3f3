// Tests what engine.ts promises about handovers, with every engine that can run here.

import { hold } from '../testing/engine/engines.ts';
import { refusedHandoverTests } from '../testing/engine/handover-refused.ts';
import { handoverStormTests } from '../testing/engine/handover-storm.ts';
import { handoverTests } from '../testing/engine/handover.ts';

hold({ handover: handoverTests, 'handover refused': refusedHandoverTests, 'handover storm': handoverStormTests });
