import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writtenOtherwise } from './locate.ts';

const TEXT = `\ufeffx: &host \${HOST}
services:
  web:
    backends:
      - a:1
      - "\${HOST}:\${PORT}"  # a comment
      - port: 7
        host: \${HOST}
      - {host: *host, port: 8}
      - unix: /run/\${NAME}.sock
      - host: b
        port: 2
`;

test('writtenOtherwise() says where an address stands that is not written out, and what stands there', () => {
  const said = (place: number, address: string, text = TEXT) => {
    const found = writtenOtherwise(text, 'web', address, place);
    return found === null ? null : `${found.line} ${found.address}`;
  };
  assert.equal(said(1, 'h:9'), '6 "${HOST}:${PORT}"');
  assert.equal(said(2, 'h:7'), '7 ${HOST}:7');
  assert.equal(said(3, 'h:8'), '9 *host:8');
  assert.equal(said(4, 'unix:/run/n.sock'), '10 /run/${NAME}.sock');
  assert.equal(said(1, 'h:9', TEXT.replaceAll('\n', '\r\n')), '6 "${HOST}:${PORT}"');
  assert.equal(said(0, 'a:1'), null);
  assert.equal(said(5, 'b:2'), null);
  assert.equal(said(-1, 'c:3'), null, 'one that is not in the file');
  assert.equal(said(9, 'c:3'), null);
  assert.equal(said(0, 'a:1', 'backends: *x\n'), null, 'a list that is not edited anyway');
});
