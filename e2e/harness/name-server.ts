// A name server in the test's process, over UDP and TCP on one port, that answers, rightly or wrongly, as the test wants.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';

export type NameRecord = { readonly ttl?: number } & (
  | { readonly type: 'A'; readonly ip: string }
  | {
      readonly type: 'SRV';
      readonly port: number;
      readonly target: string;
      readonly weight?: number;
      readonly priority?: number;
    }
);

/** What is wrong with an answer; everything else about it is right. */
export type Lie =
  'silent' | 'SERVFAIL' | 'NXDOMAIN' | 'garbage' | 'other id' | 'other question' | 'cut off' | 'endless name';

export interface NameServer {
  /** 127.0.0.1:port */
  readonly address: string;
  /** Sets the answer from now on. A query gets the records of its type; without any the answer is empty. */
  says(name: string, records: readonly NameRecord[] | Lie): void;
  /** Number of queries for the name, over any protocol. */
  asked(name: string): number;
  /** Number of answers over TCP. */
  readonly overTcp: number;
}

const TYPES = { A: 1, SRV: 33 } as const;
/** Largest datagram by RFC 1035; a larger EDNS size is ignored. */
const MOST = 512;

export async function nameServer(t: Owner): Promise<NameServer> {
  const known = new Map<string, readonly NameRecord[] | Lie>();
  const counts = new Map<string, number>();
  const port = await freePort();
  let overTcp = 0;

  function answer(query: Buffer): Buffer | null {
    const { name, end } = nameAt(query);
    const type = query.readUInt16BE(end);
    const question = query.subarray(12, end + 4);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const says = known.get(name) ?? 'NXDOMAIN';
    const lie = typeof says === 'string' ? says : null;
    if (lie === 'silent') return null;
    if (lie === 'garbage') return Buffer.concat([query.subarray(0, 2), Buffer.alloc(200, 0xc3)]);
    const records = typeof says === 'string' ? [] : says.filter((it) => TYPES[it.type] === type);
    const code = lie === 'SERVFAIL' ? 2 : lie === 'NXDOMAIN' ? 3 : 0;
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0) ^ (lie === 'other id' ? 1 : 0), 0);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(lie === 'endless name' || lie === 'cut off' ? 1 : records.length, 6);
    if (lie === 'endless name') {
      // A compression pointer to itself.
      const at = 12 + question.length;
      return Buffer.concat([
        header,
        question,
        Buffer.from([0xc0 | (at >> 8), at & 255]),
        rest(type, 60, Buffer.alloc(4)),
      ]);
    }
    if (lie === 'cut off') return Buffer.concat([header, question, Buffer.from([0xc0, 12, 0, type])]);
    const asked = lie === 'other question' ? Buffer.concat([encoded('lie.test'), question.subarray(-4)]) : question;
    return Buffer.concat([
      header,
      asked,
      ...records.map((record) => Buffer.concat([Buffer.from([0xc0, 12]), data(record)])),
    ]);
  }

  const udp = createSocket('udp4', (query, from) => {
    const said = answer(query);
    if (said === null) return;
    const fits = said.length <= MOST || said.readUInt16BE(6) === 0;
    const end = nameAt(query).end + 4;
    // RFC 2181, 9: a client repeats the query over TCP if the answer does not fit.
    const sent = fits
      ? said
      : Buffer.concat([
          said.subarray(0, 2),
          Buffer.from([0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]),
          query.subarray(12, end),
        ]);
    udp.send(sent, from.port, from.address);
  });
  const tcp = createServer((socket) => {
    let held = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        const said = answer(held.subarray(2, 2 + length));
        held = held.subarray(2 + length);
        if (said === null) continue;
        overTcp++;
        socket.write(Buffer.concat([Buffer.from([said.length >> 8, said.length & 255]), said]));
      }
    });
  });
  udp.bind(port, '127.0.0.1');
  tcp.listen(port, '127.0.0.1');
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  atEnd(t, () => {
    udp.close();
    tcp.close();
  });
  return {
    address: `127.0.0.1:${port}`,
    says: (name, records) => void known.set(name, records),
    asked: (name) => counts.get(name) ?? 0,
    get overTcp() {
      return overTcp;
    },
  };
}

/** Returns the name in a question, and where it ends. */
function nameAt(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(
      message
        .subarray(at + 1, at + 1 + length)
        .toString('latin1')
        .toLowerCase(),
    );
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function encoded(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

function data(record: NameRecord): Buffer {
  const { ttl = 1 } = record;
  if (record.type === 'A') return rest(TYPES.A, ttl, Buffer.from(record.ip.split('.').map(Number)));
  const { priority = 0, weight = 1, port, target } = record;
  const numbers = Buffer.alloc(6);
  [priority, weight, port].forEach((number, i) => numbers.writeUInt16BE(number, 2 * i));
  return rest(TYPES.SRV, ttl, Buffer.concat([numbers, encoded(target)]));
}

/** Encodes a record's part after its name. */
function rest(type: number, ttl: number, content: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(content.length, 8);
  return Buffer.concat([head, content]);
}
