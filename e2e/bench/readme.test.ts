import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withBrief, withGlance } from './readme.ts';

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

test('in brief are when, where and a few rows, and a table without them is not passed over', () => {
  const page = 'before\n<!-- generated: bench in brief -->\n<!-- end -->\nafter\n';
  const table = (...rows: readonly string[]): string =>
    `- Date: today\n- Machine: this one\n\n## At a glance\n\n${['| case | × haproxy | bal |', '| --- | --- | --- |', ...rows].join('\n')}\n`;
  const [connects, requests, rest] = ['| conn-fin | CPU µs | 1 |', '| rr-16k | CPU µs | 2 |', '| idle | MiB | 5 |'];
  assert.equal(
    withBrief(page, table(connects, requests, rest)),
    `before\n<!-- generated: bench in brief -->\n\n- Date: today\n- Machine: this one\n\n` +
      `| case | × haproxy | bal |\n| --- | --- | --- |\n${connects}\n${rest}\n\n<!-- end -->\nafter\n`,
  );
  assert.throws(() => withBrief(page, table(requests)), /Cannot find the facts/);
  assert.throws(() => withBrief(page.replace('in brief', ''), null), /Cannot find the generated part/);
  assert.equal(withBrief(page, null), page);
});
