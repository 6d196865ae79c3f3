import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withGlance } from './readme.ts';

const README = 'before\n<!-- generated: bench -->\nold\n<!-- end -->\nafter\n';
const RESULTS = `# Benchmark results

- Date: today
- Machine: this one
- Commit: abc1234
- Command: \`npm run bench\`
- Other programs took 63 % of it. **That is too much.**

## Targets

| a | b |
| - | - |
| 1 | 2 |

## At a glance

| case | $& |
| ---- | -- |
| x    | 1  |

## More
`;

test('the facts and the table are shown as they are, a warning about noise among them', () => {
  assert.equal(
    withGlance(README, RESULTS),
    'before\n<!-- generated: bench -->\n\n- Date: today\n- Machine: this one\n- Commit: abc1234\n' +
      '- Other programs took 63 % of it. **That is too much.**\n\n' +
      '| case | $& |\n| ---- | -- |\n| x    | 1  |\n\n<!-- end -->\nafter\n',
  );
});

test('without results nothing is shown, and results of another form are not passed over', () => {
  assert.equal(withGlance(README, null), 'before\n<!-- generated: bench -->\n<!-- end -->\nafter\n');
  assert.throws(() => withGlance(README, '# Benchmark results\n'), /Cannot find the facts/);
  assert.throws(() => withGlance('no part', null), /Cannot find the generated part/);
});
