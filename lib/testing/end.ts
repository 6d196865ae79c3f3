import assert from 'node:assert/strict';
import { readIp } from '../../config/ip.ts';
import type { End } from '../engine/ends.ts';

/** The end that `ip:port` or `[ip]:port` names; '' is one that nobody knows. */
export function end(text: string): End | null {
  if (text === '') return null;
  const [, ip = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  const bytes = new Uint8Array(16);
  assert.ok(readIp(ip, 0, ip.length, bytes, 0), text);
  return { ip: bytes, port: Number(port) };
}
