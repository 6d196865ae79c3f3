import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { createEvents } from './events.ts';
import { isJournal, journalText } from './journal.ts';
import { createLog, type Sink } from './log.ts';

test('each line of the log gets the priority of its level', () => {
  const lines: string[] = [];
  const write = (text: string | Buffer): void => void lines.push(journalText(text.toString()));
  const sink: Sink = {
    write,
    reopen: () => undefined,
    close: () => Promise.resolve(),
    dropped: 0,
    file: null,
    fault: null,
  };
  const log = createLog(sink, 'debug', createEvents());
  log.debug('a', 'x');
  log.info('a', 'x');
  log.warn('a', 'x');
  log.error('a', '"level":"INFO"');
  assert.deepEqual(
    lines.map((line) => line.slice(0, 4)),
    ['<7>{', '<6>{', '<4>{', '<3>{'],
  );
  assert.equal(journalText('no JSON\nnor this\n'), '<6>no JSON\n<6>nor this\n');
});

test('only the stream that JOURNAL_STREAM names is the journal', () => {
  const fd = openSync('/dev/null', 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  assert.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), true);
  assert.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino + 1n}` }), false);
  assert.equal(isJournal(fd, {}), false);
  closeSync(fd);
  assert.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), false);
});
