// Dispatches `bal COMMAND …`. Loads each command only when requested, so that `status` pays for neither the schema nor the log.
import { printDiagnosis, json } from './report.ts';
import { unreachable } from '../unreachable.ts';
import { readArguments, type Options, type Request } from './arguments.ts';
import type { Diagnosis } from '../control/protocol.ts';
import { NoHomeError } from '../paths.ts';
import type { ExitCode, Io } from './command.ts';
import type { CommandName } from './commands.ts';

/** `argv` without the program and the script. Never rejects. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const request = readArguments(argv);
  try {
    switch (request.kind) {
      case 'wrong':
        io.err(`bal: ${request.message}`);
        return 2;
      case 'version':
        return (await import('./version.ts')).printVersion(request.json, io);
      case 'help': {
        const { printHelp } = await import('./help.ts');
        printHelp(request.command);
        return 0;
      }
      case 'run':
        return await execute(request.command, request.options, io);
      default:
        return unreachable(request);
    }
  } catch (error) {
    return fatal(error, isForProgram(request), io);
  }
}

async function execute(command: CommandName, options: Options, io: Io): Promise<ExitCode> {
  switch (command) {
    case 'check':
      return (await import('./check.ts')).check(options, io);
    case 'doctor':
      return (await import('./doctor.ts')).doctor(options, io);
    case 'status':
      return (await import('./status.ts')).status(options, io);
    case 'start':
      return (await import('./start.ts')).start(options, io);
    case 'stop':
      return (await import('./stop.ts')).stop(options, io);
    case 'graceful':
      return (await import('./graceful.ts')).graceful(options, io);
    case 'upgrade':
      return (await import('./upgrade.ts')).upgrade(options, io);
    case 'why':
      return (await import('./why.ts')).why(options, io);
    case 'events':
      return (await import('./events.ts')).events(options, io);
    case 'logs':
      return (await import('./logs.ts')).logs(options, io);
    case 'backend':
      return (await import('./backend.ts')).backend(options, io);
    case 'top':
      return (await import('./top.ts')).top(io);
    case 'selftest':
      return (await import('./selftest.ts')).selftest(options, io);
    case 'bench':
      return (await import('./bench.ts')).bench(options, io);
    case 'schema':
      return (await import('./schema.ts')).schema(io);
    case 'import':
      return (await import('./import.ts')).importCommand(options, io);
    default:
      return unreachable(command);
  }
}

function isForProgram(request: Request): boolean {
  return request.kind === 'run' ? request.options.json : request.kind === 'version' && request.json;
}

const noHome: Diagnosis = {
  what_happened: 'there is no home directory for bal: no BAL_HOME, no HOME, and no home of this user in /etc/passwd',
  why_likely: 'a service manager or a container runs it as a user without a home',
  do_this_now: 'set BAL_HOME to a directory that this user may write to, for example: export BAL_HOME=/var/lib/bal',
};

/** Reports a defect of ours in the operator's words; the trace is only printed on request. */
function fatal(error: unknown, asJson: boolean, io: Io): ExitCode {
  const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
  const defect = {
    what_happened: `internal error: ${message}`,
    why_likely: 'a defect in bal, or a broken installation',
    do_this_now: "run it again with BAL_DEBUG=1 and report what it prints, with 'bal --version' and 'node --version'",
  };
  const problem = error instanceof NoHomeError ? noHome : defect;
  if (asJson) json(io, { problem });
  else printDiagnosis(io, problem);
  const debug = process.env['BAL_DEBUG'];
  if (debug !== undefined && debug !== '' && error instanceof Error) io.err(error.stack ?? '');
  return 1;
}
