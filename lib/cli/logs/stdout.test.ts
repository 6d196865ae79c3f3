import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goesToStdout, placeOf, unitIn } from './stdout.ts';

test('where the log of a bal in the foreground is follows from what its stdout leads to', () => {
  assert.equal(placeOf('socket:[1]', 'bal.service'), 'journalctl -u bal.service -f');
  assert.equal(placeOf('/var/log/my bal.log', 'bal.service'), "tail -f '/var/log/my bal.log'");
  assert.match(placeOf('/dev/pts/3', null), /to the terminal \/dev\/pts\/3/);
  assert.match(placeOf('/dev/null', null), /goes nowhere/);
  assert.match(placeOf('pipe:[1]', null), /look there/);
  assert.match(placeOf(null, null), /look there/);
});

test('the unit of a process is the last of its control group', () => {
  assert.equal(unitIn('0::/system.slice/bal.service\n'), 'bal.service');
  assert.equal(unitIn('12:cpu:/x\n0::/user.slice/user@1000.service/app.slice/bal@web.service\n'), 'bal@web.service');
  assert.equal(unitIn('0::/user.slice/session-1.scope\n'), null);
  assert.equal(unitIn(''), null);
});

test('of a process that is none of this machine only the way is told', () => {
  assert.match(goesToStdout(null).do_this_now, /journalctl/);
  assert.match(goesToStdout(2 ** 22).do_this_now, /journalctl/);
});
