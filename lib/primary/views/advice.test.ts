import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from './advice.ts';

test('where a Unix socket fails the advice is about the file, not about host and port', () => {
  assert.match(adviceFor('refused', '10.0.0.1:80').do_this_now, /host and port/);
  assert.match(adviceFor('refused', 'unix:/run/a.sock').do_this_now, /"unix"/);
  const denied = adviceFor('other', 'unix:/run/my app.sock');
  assert.match(denied.why_likely, /may not write to that socket/);
  assert.match(denied.do_this_now, /ls -l '\/run\/my app\.sock'/);
  assert.match(adviceFor('other', '10.0.0.1:80').why_likely, /does not know/);
  assert.deepEqual(adviceFor('timeout', 'unix:/run/a.sock'), adviceFor('timeout', '10.0.0.1:80'));
});
