// Runs the command that this process was started with.
import { run } from './program.ts';
import { terminal } from './terminal.ts';

/** Sets the exit code of the process. Never rejects. */
export async function main(): Promise<void> {
  const io = terminal(process.stdout, process.stderr, process.env);
  // The last output may fail after everything else is done.
  process.once('exit', () => {
    if (io.failed && process.exitCode === 0) process.exitCode = 1;
  });
  process.exitCode = await run(process.argv.slice(2), io);
}
