// Converts `tcp-check` rules into one question and one answer, which is all a check of bal has.
import { showBytes } from '../../../../config/bytes.ts';
import type { HealthCheck } from '../../draft.ts';
import type { Ledger } from '../../ledger.ts';
import { setPort, setServerName } from './connect-words.ts';
import { all, type HaLine, type Section } from '../language/sections.ts';

const MORE = 'a check of bal sends once and waits for one answer';
/** bal's limit, in its own notation. */
const MAX_BYTES = 1024;

/** Returns null for a plain connect. */
export function tcpCheck(backend: Section, ledger: Ledger): HealthCheck | null {
  const check: HealthCheck = { type: 'expect' };
  let state: 'begin' | 'sent' | 'done' = 'begin';
  for (const line of all(backend.lines, 'tcp-check')) {
    const [, action = ''] = line.words;
    if (action === 'comment') ledger.unneeded(line, 'a name of a step');
    else if (state === 'done') ledger.lost(line, MORE, 'put what matters most first');
    else if (action === 'connect' && state === 'begin') connect(check, line, ledger);
    else if (action === 'send' || action === 'send-binary') {
      const bytes = sent(line.words[2], action === 'send-binary');
      if (bytes === null) ledger.lost(line, 'bal cannot send it', 'write it as health_check.send');
      else {
        check.send = (check.send ?? '') + bytes;
        state = 'sent';
        ledger.used(line);
      }
    } else if (action === 'expect') {
      const expected = answer(line);
      if (expected === null)
        ledger.lost(line, 'bal looks for bytes that are there', 'write them as health_check.expect');
      else {
        Object.assign(check, expected);
        state = 'done';
        ledger.used(line);
      }
    } else ledger.lost(line, MORE, 'do without it');
  }
  if (check.expect !== undefined && check.expect !== '' && tooLong(check) === null) return check;
  const { send, port, tls } = check;
  const at = all(backend.lines, 'tcp-check').find(({ words }) => words[1] === 'send');
  if (send !== undefined && at !== undefined)
    ledger.lost(at, 'bal sends nothing where it expects nothing', 'add expect');
  if (tls === true && at !== undefined) ledger.lost(at, 'bal speaks TLS only where it expects something', 'add expect');
  return port === undefined ? null : { type: 'tcp', port };
}

function tooLong({ send = '', expect = '' }: HealthCheck): true | null {
  return send.length > MAX_BYTES || expect.length > MAX_BYTES ? true : null;
}

function connect(check: HealthCheck, line: HaLine, ledger: Ledger): void {
  const words = line.words.slice(2);
  ledger.used(line);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === 'port') setPort(check, words[++i], line, ledger);
    else if (word === 'ssl') check.tls = true;
    else if (word === 'sni') setServerName(check, words[++i], line, ledger);
    else if (word === 'send-proxy') ledger.unneeded(line, 'a check sends what send_proxy_protocol says', word);
    else if (word !== 'default' && word !== 'linger' && word !== 'comment') {
      ledger.lost(line, "bal checks the backend's own address", 'do without it', word);
    }
    if (word === 'comment' || word === 'addr' || word === 'alpn' || word === 'proto') i++;
  }
}

function sent(text: string | undefined, isBinary: boolean): string | null {
  if (text === undefined || text === '') return null;
  if (!isBinary) return showBytes(Buffer.from(text, 'latin1'));
  return /^([0-9a-f]{2})+$/i.test(text) ? showBytes(Buffer.from(text, 'hex')) : null;
}

/** Parses `expect [opt …] string TEXT`. */
function answer(line: HaLine): Pick<HealthCheck, 'expect' | 'match'> | null {
  const words = line.words.slice(2);
  const at = words.findIndex((word) => ['string', 'rstring', 'binary', 'rbinary', '!', 'string-lf'].includes(word));
  const [kind = '', text = ''] = words.slice(at === -1 ? words.length : at);
  if (text === '') return null;
  if (kind === 'string') return { expect: showBytes(Buffer.from(text, 'latin1')), match: 'contains' };
  if (kind === 'binary') {
    const bytes = sent(text, true);
    return bytes === null ? null : { expect: bytes, match: 'contains' };
  }
  // A pattern that matches a single text.
  const [, start = '', literal = ''] = /^(\^?)((?:[^\\.*+?()[\]{}|^$]|\\[.*+?()[\]{}|^$\\/])+)$/.exec(text) ?? [];
  if (kind !== 'rstring' || literal === '') return null;
  const plain = literal.replaceAll(/\\(.)/g, '$1');
  return { expect: showBytes(Buffer.from(plain, 'latin1')), ...(start === '' && { match: 'contains' as const }) };
}
