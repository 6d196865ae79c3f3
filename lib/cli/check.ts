// `bal check`: checks the configuration. Static: reads the file and facts of this machine, no network, no name look-ups.
import { dirname } from 'node:path';
import type { Loaded } from '../../config/load.ts';
import { formatProblem, problemAt, type Problem } from '../../config/problem.ts';
import { backendText } from '../../config/diff.ts';
import type { HealthCheckPlan } from '../../config/health-check.ts';
import { whereOf, type ServicePlan } from '../../config/plan.ts';
import { askedText } from '../control/listeners.ts';
import type { Diagnosis } from '../control/protocol.ts';
import { isWhole, noConfiguration } from '../primary/reload/verdict.ts';
import { groupShutOut } from '../control/group-access.ts';
import { tooLongForSocket } from '../control/listen.ts';
import { configPath, home, NoHomeError } from '../paths.ts';
import type { ExitCode, Io } from './command.ts';
import { json, printDiagnosis } from './report.ts';
import { counted, listed } from '../units.ts';

export interface CheckOptions {
  config?: string;
  json: boolean;
  verbose: boolean;
  /** Warnings fail, too. */
  strict: boolean;
}

/** 0: valid; 1: errors, or warnings with `strict`. */
export async function check(options: CheckOptions, io: Io): Promise<ExitCode> {
  const { loadConfig } = await import('../../config/load.ts'); // slow to import: only when needed
  const path = configPath(options.config);
  const found = await loadConfig(path);
  const loaded = { ...found, warnings: [...homeWarnings(found.plan?.controlGroup ?? null), ...found.warnings] };
  if (options.json) json(io, reportOf(loaded));
  else explain(loaded, options, options.config ?? path, io);
  const failed = loaded.errors.length > 0 || (options.strict && loaded.warnings.length > 0);
  return failed ? 1 : 0;
}

/** Warns of a home in which a start would fail, or to which the control group has no access. */
function homeWarnings(group: string | null): Problem[] {
  try {
    const { socket, dir } = home();
    const tooLong = tooLongForSocket(socket);
    // bal itself opens the home for the group.
    if (tooLong === null) return groupShutOut(dirname(dir), group);
    const hint = 'set BAL_HOME to a directory with a shorter path';
    return [problemAt(null, [], `bal cannot start in this home, whose control socket ${tooLong}`, hint)];
  } catch (error) {
    if (error instanceof NoHomeError) return [];
    throw error;
  }
}

/** The `--json` document. Its keys are a contract: never rename or remove one. */
function reportOf({ configPath, included, errors, warnings, notes, plan, effective }: Loaded) {
  const services = plan?.services ?? [];
  return {
    config_path: configPath,
    included_files: included,
    errors,
    warnings,
    notes,
    backend_count: services.reduce((sum, { backends }) => sum + backends.length, 0),
    services: services.map(({ name, bindAddress, port, bindUnix, method, backends, healthCheck }) => ({
      name,
      bind_address: bindAddress,
      port,
      bind_unix: bindUnix?.path ?? null,
      method,
      backends: backends.map(({ address }) => address),
      health_check: healthCheck.type,
    })),
    effective,
  };
}

function explain(loaded: Loaded, { verbose, strict }: CheckOptions, file: string, io: Io): void {
  const { errors, warnings, notes, plan, effective } = loaded;
  for (const problem of errors) io.err(formatProblem(problem, file));
  for (const problem of warnings) io.err(`warning: ${formatProblem(problem, file)}`);
  if (plan !== null) {
    const { included } = loaded;
    const whence = included.length === 0 ? '' : `, with ${counted(included.length, 'included file')}`;
    io.out(`${loaded.configPath}: valid, ${counted(plan.services.length, 'service')}${whence}`);
    for (const service of plan.services) io.out(`  ${summaryOf(service)}`);
    for (const problem of notes) io.out(`note: ${formatProblem(problem, file)}`);
  }
  if (verbose) {
    const width = Math.max(...effective.map(({ path }) => path.length), 0);
    for (const { path, value, origin } of effective) io.out(`  ${path.padEnd(width)}  ${value}  (${origin})`);
  }
  if (errors.length > 0) printDiagnosis(io, invalid(errors));
  else if (strict && warnings.length > 0) printDiagnosis(io, tooStrict(warnings.length));
}

function summaryOf(service: ServicePlan): string {
  const { name, method, sendProxy, serverNames, protocols, backends, healthCheck } = service;
  const to = listed(backends.map(backendText));
  const proxyText = sendProxy === 'none' ? '' : `, send_proxy_protocol ${sendProxy}`;
  const asked = askedText({ server_name: serverNames, alpn: protocols });
  return `${name}: ${whereOf(service)}${asked} to ${to} (${method}${proxyText}${checkText(healthCheck)})`;
}

/** Empty for a plain connect to the backend itself. */
function checkText(check: HealthCheckPlan): string {
  if (check.type === 'none') return ', not checked';
  const at = check.port === null ? '' : ` at port ${check.port}`;
  return check.type === 'tcp' && at === '' ? '' : `, ${check.type} check${at}`;
}

function invalid(errors: readonly Problem[]): Diagnosis {
  if (errors.every(isWhole)) return noConfiguration;
  return {
    what_happened: `the configuration is not valid: ${counted(errors.length, 'error')}`,
    why_likely: 'a mistake in the lines above',
    do_this_now: "correct these lines and run 'bal check' again",
  };
}

function tooStrict(warnings: number): Diagnosis {
  return {
    what_happened: `the configuration is valid, with ${counted(warnings, 'warning')}`,
    why_likely: '--strict takes warnings for errors',
    do_this_now: 'follow the hints above, or run without --strict',
  };
}
