// A minimal name server: A records of the names it knows, with a TTL of one second.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { atEnd, type Owner } from '../../../lib/testing/owner.ts';

const HEADER = 12;
const A = 1;
const TTL_S = 1;
const NXDOMAIN = 3;

export interface DnsServer {
  /** Sets the addresses of a name; null: no such name. */
  set(name: string, ips: readonly string[] | null): void;
}

export async function dnsServer(t: Owner, port = 53): Promise<DnsServer> {
  const known = new Map<string, readonly string[]>();
  const server = createSocket('udp4');
  server.on('message', (query, { port: from, address }) => {
    const { name, type, end } = questionOf(query);
    const ips = known.get(name);
    const answers = type === A ? (ips ?? []) : [];
    const header = Buffer.from(query.subarray(0, HEADER));
    header.writeUInt16BE(0x8180 | (ips === undefined ? NXDOMAIN : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    header.writeUInt32BE(0, 8); // no authority or additional records: an EDNS record of the query is not echoed
    server.send(Buffer.concat([header, query.subarray(HEADER, end), ...answers.map(record)]), from, address);
  });
  server.bind(port, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => server.close());
  return {
    set(name, ips) {
      if (ips === null) known.delete(name);
      else known.set(name, ips);
    },
  };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** An A record whose name points to the question's. */
function record(ip: string): Buffer {
  const fixed = Buffer.from([0xc0, HEADER, 0, A, 0, 1, 0, 0, 0, TTL_S, 0, 4]);
  return Buffer.concat([fixed, Buffer.from(ip.split('.').map(Number))]);
}
