// Sets, adds or removes one backend in the text of a configuration and changes no other byte: comments, order and style stay.
// The text must be valid. The caller parses the result again, because it knows what the result should mean.
import { isMap, isScalar, isSeq, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { addressIn, listOf, parse, rangeOf, valueIn, type Span } from './locate.ts';
import { addressOf } from './plan.ts';
import { isPath } from './unix.ts';
import { atEndOfLine, headOf, isBlank, lineEnd, separatorBefore } from './text.ts';

/** A backend as the edit writes it. */
export interface WrittenBackend {
  /** Or the path of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

export type Edited = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/** `wanted` null: remove the backend. */
export function editBackend(text: string, service: string, address: string, wanted: WrittenBackend | null): Edited {
  const bom = text.startsWith('\ufeff') ? '\ufeff' : '';
  const bare = text.slice(bom.length);
  const edited = edit(bare, service, address, wanted);
  return edited.ok ? { ok: true, text: bom + edited.text } : edited;
}

function edit(text: string, service: string, address: string, wanted: WrittenBackend | null): Edited {
  const document = parse(text);
  const list = listOf(document, service);
  if (typeof list === 'string') return failed(list);
  const place = list.items.findIndex((item) => addressIn(item, document) === address);
  const item = list.items[place];
  if (wanted === null) return item === undefined ? { ok: true, text } : takeOut(text, list, place);
  if (item === undefined) return append(text, list, wanted);
  if (isScalar(item)) return spellOut(text, item, wanted);
  if (!isMap(item)) return failed('the backend is written as an alias, and what it stands for is used elsewhere, too');
  return weigh(text, item, wanted.weight);
}

/** An entry written as "host:port" has no place for a weight. */
function spellOut(text: string, item: Scalar, wanted: WrittenBackend): Edited {
  const span = rangeOf(item);
  if (span === null) return failed(ODD);
  if (wanted.weight === 1) return { ok: true, text };
  return replaced(text, span.from, span.to, `{${fieldsOf(wanted, false, isQuoted(item)).join(', ')}}`);
}

function weigh(text: string, item: YAMLMap, weight: number): Edited {
  const given = rangeOf(valueIn(item, 'weight'));
  if (given !== null) return replaced(text, given.from, given.to, String(weight));
  if (weight === 1) return { ok: true, text };
  const pairs = item.items.flatMap(({ key, value }) => {
    const [name, its] = [rangeOf(key), spanOf(value)];
    return name === null || its === null ? [] : [{ key: name, value: its, quoted: isScalar(key) && isQuoted(key) }];
  });
  const last = pairs.at(-1);
  if (last === undefined || pairs.length !== item.items.length) return failed(ODD);
  const name = last.quoted ? '"weight"' : 'weight';
  const colon = text.slice(last.key.to, last.value.from);
  const written = `${name}${/^[ \t]*:[ \t]*$/.test(colon) ? colon : ': '}${weight}`;
  if (item.flow === true) {
    const separator = separatorBefore(text, last.key.from, pairs.at(-2)?.value.to ?? 0);
    return replaced(text, last.value.to, last.value.to, `${separator}${written}`);
  }
  const head = headOf(text, last.key.from);
  const end = lineEnd(text, last.value.to);
  // The only key follows the dash on the same line.
  const indent = /^\s*(- +)?$/.test(head) ? ' '.repeat(head.length) : null;
  if (indent === null || !atEndOfLine(text, last.value.to)) return failed(ODD);
  return inserted(text, end, `${isBlank(head) ? head : indent}${written}`);
}

function takeOut(text: string, list: YAMLSeq, place: number): Edited {
  if (list.items.length === 1) return failed('it is the only one in its list, and a service needs one');
  const it = spanOf(list.items[place]);
  if (it === null) return failed(ODD);
  if (list.flow === true) {
    const [before, after] = [spanOf(list.items[place - 1]), spanOf(list.items[place + 1])];
    if (after !== null) return replaced(text, it.from, after.from, left(text.slice(it.to, after.from)));
    if (before !== null) return replaced(text, before.to, it.to, left(text.slice(before.to, it.from)));
    return failed(ODD);
  }
  const head = headOf(text, it.from);
  if (!/^\s*- +(&\S+ +)?$/.test(head) || !atEndOfLine(text, it.to)) return failed(ODD);
  return replaced(text, it.from - head.length, lineEnd(text, it.to), '');
}

/** Keeps the text between two flow items if it has a comment, which may be about the remaining item. */
function left(between: string): string {
  return between.includes('#') ? between.replace(',', '') : '';
}

function append(text: string, list: YAMLSeq, wanted: WrittenBackend): Edited {
  const last = list.items.at(-1);
  const it = spanOf(last);
  if (it === null) return failed(ODD);
  const head = headOf(text, it.from);
  const quoted = isMap(last) && last.items.some(({ key }) => isScalar(key) && isQuoted(key));
  const host = isMap(last) ? (valueIn(last, 'host') ?? valueIn(last, 'unix')) : undefined;
  const fields = fieldsOf(wanted, quoted, isScalar(host) && isQuoted(host));
  const isShort = isScalar(last) && wanted.weight === 1;
  const inBraces = isShort ? shortForm(wanted, isQuoted(last)) : `{${fields.join(', ')}}`;
  if (list.flow === true) {
    const before = spanOf(list.items.at(-2));
    const separator =
      before === null && isBlank(head) ? `,${eolOf(text)}${head}` : separatorBefore(text, it.from, before?.to ?? 0);
    return replaced(text, it.to, it.to, `${separator}${inBraces}`);
  }
  const dash = /^\s*- +/.exec(head)?.[0];
  if (dash === undefined || !atEndOfLine(text, it.to)) return failed(ODD);
  const isInBraces = isShort || (isMap(last) && last.flow === true);
  const indent = ' '.repeat(dash.length);
  const lines = isInBraces ? `${dash}${inBraces}` : `${dash}${fields.join(`${eolOf(text)}${indent}`)}`;
  return inserted(text, lineEnd(text, it.to), lines);
}

function shortForm({ host, port }: WrittenBackend, quoted: boolean): string {
  const address = addressOf(host, port);
  return quoted || address.startsWith('[') ? JSON.stringify(address) : address;
}

function fieldsOf({ host, port, weight }: WrittenBackend, quotedKeys: boolean, quotedHost: boolean): string[] {
  const isPlain =
    /^(\/[\w./-]+|[a-z][a-z0-9.-]*|\d+\.\d+\.\d+\.\d+)$/i.test(host) && !/^(true|false|null)$/i.test(host);
  const name = (key: string): string => (quotedKeys ? `"${key}"` : key);
  const value = isPlain && !quotedHost && !quotedKeys ? host : JSON.stringify(host);
  const share = weight === 1 ? [] : [`${name('weight')}: ${weight}`];
  if (isPath(host)) return [`${name('unix')}: ${value}`, ...share];
  return [`${name('host')}: ${value}`, `${name('port')}: ${port}`, ...share];
}

/** Returns the span of a node without what follows it: the range of a block map or list extends over comments up to the next one. */
function spanOf(node: unknown): Span | null {
  const whole = rangeOf(node);
  const isBlock = (isMap(node) || isSeq(node)) && node.flow !== true;
  if (whole === null || !isBlock) return whole;
  const end = spanOf(isMap(node) ? node.items.at(-1)?.value : node.items.at(-1));
  return end === null ? null : { from: whole.from, to: end.to };
}

function isQuoted({ type }: Scalar): boolean {
  return type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE';
}

function replaced(text: string, from: number, to: number, by: string): Edited {
  return { ok: true, text: text.slice(0, from) + by + text.slice(to) };
}

/** Inserts a line at the end of a line; the last line may lack its line feed. */
function inserted(text: string, at: number, line: string): Edited {
  const eol = eolOf(text);
  const isOpen = at === text.length && !text.endsWith('\n');
  return replaced(text, at, at, isOpen ? `${eol}${line}` : `${line}${eol}`);
}

function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

const ODD = 'the list of backends is written in a way that is not edited here';

function failed(why: string): Edited {
  return { ok: false, why };
}
