// Writes a draft as the text of a configuration, with the notes on each service above it.
import { printable } from '../../config/problem.ts';
import type { Draft, HealthCheck, Service } from './draft.ts';
import { formatNote, type Note } from './ledger.ts';

/** Comments are for people, who read no more; all notes are on stderr. */
const MAX_COMMENTS = 300;

export function writeDraft(draft: Draft, notes: readonly Note[], source: string): string {
  const { services, runtime, health_check: check, ...top } = draft;
  const told = notes.filter(({ kind }) => kind !== 'unneeded').slice(0, MAX_COMMENTS);
  const owner = ownersOf(services);
  const lines = [
    `# Made by 'bal import' from ${printable(source)}. What is not taken over, or behaves otherwise, stands in comments.`,
    ...told.filter(({ part }) => !owner.has(part)).map(comment),
    '',
    ...mapLines(top, ''),
    ...checkLines(check, ''),
    ...mapLines({ runtime }, ''),
    'services:',
    ...services.flatMap((service) => [
      ...told.filter(({ part }) => owner.get(part) === service).map((note) => `  ${comment(note)}`),
      `  ${service.name}:`,
      ...serviceLines(service),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Maps each part of the file to the first service made of it. */
function ownersOf(services: readonly Service[]): Map<string, Service> {
  const owners = new Map<string, Service>();
  for (const service of services) {
    for (const part of service.parts) if (!owners.has(part)) owners.set(part, service);
  }
  return owners;
}

function comment(note: Note): string {
  return `# ${formatNote(note)}`;
}

function serviceLines(service: Service): string[] {
  const { name: _name, at: _at, parts: _parts, backends, health_check: check, runtime, ...keys } = service;
  return [
    ...mapLines(keys, '    '),
    ...checkLines(check, '    '),
    ...mapLines({ runtime }, '    '),
    '    backends:',
    ...backends.map((backend) => `      - ${flow(backend)}`),
  ];
}

function checkLines(check: HealthCheck | undefined, indent: string): string[] {
  if (check === undefined) return [];
  const hint = check.type === 'none' ? ' # as before; without this line bal checks the backends' : '';
  return [`${indent}health_check: ${flow(check)}${hint}`];
}

/** One key per line for maps; lists and their contents on one line. */
function mapLines(values: object, indent: string): string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    if (value === undefined) return [];
    if (!isMap(value)) return [`${indent}${key}: ${inline(key, value)}`];
    const inner = mapLines(value, `${indent}  `);
    return inner.length === 0 ? [] : [`${indent}${key}:`, ...inner];
  });
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function flow(values: object): string {
  const written = Object.entries(values).filter(([, value]) => value !== undefined);
  return `{${written.map(([key, value]: [string, unknown]) => `${key}: ${inline(key, value)}`).join(', ')}}`;
}

/** Words of bal's own, which need no quotes. */
const PLAIN = /^(?!(true|false|null)$)[a-z][a-z0-9_]*$/;

function inline(key: string, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((it) => inline('', it)).join(', ')}]`;
  if (typeof value === 'number') return key.endsWith('_ms') ? time(value) : String(value);
  if (typeof value !== 'string') return String(value);
  // In single quotes YAML leaves the escapes of bytes to bal.
  if (key === 'send' || key === 'expect') return `'${dollars(value).replaceAll("'", "''")}'`;
  return PLAIN.test(value) && key !== '' && key !== 'host' ? value : dollars(quoted(value));
}

/** YAML's double quotes take JSON's escapes; escapes the characters that only YAML forbids as well. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (it) => {
    return `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Escapes dollars, which may begin a variable. */
function dollars(text: string): string {
  return text.replaceAll('$', '$$$$');
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const;

function time(ms: number): string {
  const [size, unit] = UNITS.find(([each]) => ms > 0 && ms % each === 0) ?? [1, 'ms'];
  return ms === 0 ? '0' : `${ms / size}${unit}`;
}
