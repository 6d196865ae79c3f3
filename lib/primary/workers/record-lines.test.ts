import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import * as fc from 'fast-check';

import { MAX_RECORD_BYTES } from '../../ipc/records.ts';
import { readRecords } from './record-lines.ts';

/** Returns what is passed on for these chunks, followed by the end. */
async function reported(chunks: readonly Buffer[]): Promise<string[]> {
  const pipe = new PassThrough();
  const received: string[] = [];
  const records = readRecords(pipe, (lines) => received.push(lines.toString()));
  for (const chunk of chunks) pipe.write(chunk);
  pipe.end();
  await records.end();
  return received;
}

test('lines are told whole and in their order, however they are cut', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\n', ''));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.integer({ min: 0, max: 400 })), async (lines, cuts) => {
      const text = lines.map((each) => `${each}\n`).join('');
      const bytes = Buffer.from(text);
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const received = await reported(edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge)));
      assert.equal(received.join(''), text);
      for (const each of received) assert.ok(each.endsWith('\n'));
    }),
  );
});

test('what a worker wrote of a line when it died is left out', async () => {
  assert.deepEqual(await reported([Buffer.from('whole\nhal')]), ['whole\n']);
});

test('a line longer than any record is left out, however long it is, and those around it are told', async () => {
  const long = Buffer.alloc(MAX_RECORD_BYTES, 'x');
  const chunks = [Buffer.from('before\nlo'), long, long, Buffer.from('ng\nafter\n')];
  assert.equal((await reported(chunks)).join(''), 'before\nafter\n');
});

test('an end that somebody else holds is waited for no longer than a moment', async () => {
  const pipe = new PassThrough();
  const records = readRecords(pipe, () => undefined);
  await records.end();
  assert.ok(pipe.destroyed);
});
