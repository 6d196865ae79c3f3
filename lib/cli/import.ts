// `bal import FILE`: prints a configuration of HAProxy or nginx as one of bal, and on stderr what has no counterpart.
import { dirname, resolve } from 'node:path';
import { formatNote, type Kind, type Note } from '../import/ledger.ts';
import { counted } from '../units.ts';
import type { ExitCode, Io } from './command.ts';
import { printDiagnosis } from './report.ts';

export interface ImportOptions {
  readonly words: readonly string[];
  /** Also names what is not needed. */
  readonly verbose: boolean;
  /** Settings without a counterpart fail. */
  readonly strict: boolean;
}

/** 0: printed; 1: nothing to print, or with `strict` something is missing; 2: no file named. */
export async function importCommand({ words, verbose, strict }: ImportOptions, io: Io): Promise<ExitCode> {
  const [file] = words;
  if (file === undefined || file === '') {
    io.err("bal: which file? 'bal import haproxy.cfg', 'bal import nginx.conf', or 'bal import -' for stdin");
    return 2;
  }
  const { readFile, readStdin } = await import('../import/read.ts');
  const read = file === '-' ? await readStdin() : await readFile(file);
  const name = file === '-' ? 'stdin' : file;
  if (!read.ok) {
    printDiagnosis(io, {
      what_happened: `cannot import ${name}: ${read.why}`,
      why_likely: 'it is not the file that was meant, or not for this user to read',
      do_this_now: "name a configuration of HAProxy or nginx, or pipe it into 'bal import -'",
    });
    return 1;
  }
  const { importConfig } = await import('../import/import.ts'); // slow to import
  const folder = file === '-' ? process.cwd() : dirname(resolve(file));
  const imported = await importConfig({ file: name, text: read.text, folder, environment: process.env });
  if (imported.kind === 'unknown') {
    printDiagnosis(io, {
      what_happened: `cannot import ${name}: it looks neither like HAProxy's configuration nor like nginx's`,
      why_likely: 'it is another file, or a piece without the section that it belongs to',
      do_this_now: 'name the whole file, such as /etc/haproxy/haproxy.cfg or /etc/nginx/nginx.conf',
    });
    return 1;
  }
  const { notes } = imported;
  for (const note of notes) if (verbose || note.kind !== 'unneeded') io.err(formatNote(note));
  if (imported.kind === 'nothing') {
    printDiagnosis(io, {
      what_happened: `there is nothing in ${name} that bal could serve`,
      why_likely: 'it has no TCP service, or each of them needs what bal does not do: see above',
      do_this_now: 'leave it where it is; bal balances TCP, and no HTTP, UDP or TLS of its own',
    });
    return 1;
  }
  io.out(imported.text.trimEnd());
  io.err(summary(imported.services, notes, verbose));
  return strict && has(notes, 'lost') ? 1 : 0;
}

function has(notes: readonly Note[], kind: Kind): boolean {
  return notes.some((note) => note.kind === kind);
}

function summary(services: number, notes: readonly Note[], verbose: boolean): string {
  const count = (kind: Kind): number => notes.filter((note) => note.kind === kind).length;
  const [lost, differs, unneeded] = [count('lost'), count('differs'), count('unneeded')];
  const hint = verbose || unneeded === 0 ? '' : ' (--verbose names them)';
  return `${counted(services, 'service')}; ${lost} not taken over, ${differs} differ, ${unneeded} not needed${hint}`;
}
