#!/usr/bin/env node
// The bal command: passes argv to the program, and its exit code to the shell.
import { run } from '../lib/cli/program.ts';
import { terminal } from '../lib/cli/terminal.ts';

const io = terminal(process.stdout, process.stderr, process.env);
// The last output may fail after everything else is done.
process.once('exit', () => {
  if (io.failed && process.exitCode === 0) process.exitCode = 1;
});
process.exitCode = await run(process.argv.slice(2), io);
