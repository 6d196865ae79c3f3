// Converts `option httpchk` and `http-check` into a GET request and the status that passes.
import { statusRangeOf } from '../../../../config/health-check.ts';
import { judgeHost } from '../../../../config/host.ts';
import type { HealthCheck } from '../../draft.ts';
import type { Ledger } from '../../ledger.ts';
import { all, type HaLine, type Section } from '../language/sections.ts';
import { setPort, setServerName } from './connect-words.ts';

export function httpCheck(backend: Section, line: HaLine, ledger: Ledger): HealthCheck {
  const check: HealthCheck = { type: 'http' };
  const [method = 'OPTIONS', uri, ...version] = line.words.slice(2);
  // A single word is the URI.
  const isUri = method.startsWith('/');
  setPath(check, isUri ? method : uri, line, ledger);
  setHost(check, /\bHost:\s*(\S+)/i.exec(version.join(' '))?.[1], line, ledger);
  let asked = isUri || uri === undefined ? 'OPTIONS' : method;
  let at = line;
  for (const rule of all(backend.lines, 'http-check')) {
    const [, action = '', ...words] = rule.words;
    if (action === 'send') {
      asked = send(check, rule, words, ledger) ?? asked;
      at = rule;
    } else if (action === 'expect') expect(check, rule, words, ledger);
    else if (action === 'connect') connect(check, rule, words, ledger);
    else if (action === 'send-state') ledger.lost(rule, 'bal tells the backend nothing of its state', 'do without it');
    else if (action === 'disable-on-404') ledger.lost(rule, 'a status passes or fails', 'use `bal backend drain`');
    else if (action === 'comment') ledger.unneeded(rule, 'a name of a step');
    else ledger.lost(rule, 'a check of bal is one request and its status', 'do without it');
  }
  if (asked !== 'GET') ledger.differs(at, `bal asks with GET, not ${asked.slice(0, 20)}`);
  return check;
}

function setPath(check: HealthCheck, uri: string | undefined, line: HaLine, ledger: Ledger): void {
  if (uri === undefined) return;
  if (/^\/[\x21-\x7e]{0,1023}$/.test(uri)) check.path = uri;
  else ledger.lost(line, 'bal asks for a path', 'write it as health_check.path', uri);
}

function setHost(check: HealthCheck, host: string | undefined, line: HaLine, ledger: Ledger): void {
  if (host === undefined) return;
  if (judgeHost(host.replace(/:\d{1,5}$/, '')) === null) check.host = host;
  else ledger.lost(line, 'the Host header is a name or an address', 'write it as health_check.host', `Host ${host}`);
}

/** Returns the method. */
function send(check: HealthCheck, line: HaLine, words: readonly string[], ledger: Ledger): string | null {
  let method: string | null = null;
  ledger.used(line);
  for (let i = 0; i < words.length; i++) {
    const [word = '', value] = words.slice(i, i + 2);
    if (word === 'hdr') {
      if (/^host$/i.test(value ?? '')) setHost(check, words[i + 2], line, ledger);
      else ledger.lost(line, 'bal sends no other header than Host', 'do without it', `hdr ${value ?? ''}`);
      i += 2;
    } else {
      if (word === 'meth') method = value ?? null;
      else if (word === 'uri') setPath(check, value, line, ledger);
      else if (word !== 'ver' && word !== 'comment')
        ledger.lost(line, 'bal sends a plain request', 'do without it', word);
      i++;
    }
  }
  return method;
}

function expect(check: HealthCheck, line: HaLine, words: readonly string[], ledger: Ledger): void {
  const at = words.indexOf('status');
  const ranges = at === -1 || words[at - 1] === '!' ? [] : (words[at + 1] ?? '').split(',');
  const isKnown = ranges.length > 0 && ranges.length <= 16 && ranges.every((it) => statusRangeOf(it) !== null);
  if (!isKnown || check.expect_status !== undefined) {
    ledger.lost(
      line,
      'bal looks at the status of one answer',
      'write health_check.expect_status, or make a page that says so',
    );
    return;
  }
  check.expect_status = ranges;
  ledger.used(line);
}

function connect(check: HealthCheck, line: HaLine, words: readonly string[], ledger: Ledger): void {
  ledger.used(line);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === 'ssl') check.tls = true;
    else if (word === 'port') setPort(check, words[++i], line, ledger);
    else if (word === 'sni') setServerName(check, words[++i], line, ledger);
    else if (['alpn', 'proto', 'comment', 'addr'].includes(word)) {
      if (word !== 'comment')
        ledger.lost(line, "bal speaks HTTP/1.1 to the backend's own address", 'do without it', word);
      i++;
    } else if (word !== 'default' && word !== 'linger') {
      ledger.lost(line, 'bal connects as it does for clients', 'do without it', word);
    }
  }
}
