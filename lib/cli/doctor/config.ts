// Checks that the configuration is valid and in use.
import { constants } from 'node:fs';
import { planDifference } from '../../../config/diff.ts';
import { formatProblem } from '../../../config/problem.ts';
import { quoted } from '../../../config/shell.ts';
import type { Status } from '../../control/protocol.ts';
import { version } from '../../version.ts';
import { critical, may, ok, warn, type Finding, type Patient } from './finding.ts';
import { counted } from '../../units.ts';

export function checkConfig({ disk, status, running, isGuest }: Patient): Finding[] {
  if (isGuest && !may(disk.configPath, constants.R_OK))
    return [ok('config', `${disk.configPath} is for the owner of bal to read`)];
  return [validity(disk), ...(status === null ? [] : [drift(disk, running, status)])];
}

function validity({ configPath, errors, warnings }: Patient['disk']): Finding {
  const [error] = errors;
  if (error !== undefined) {
    const summary = `${counted(errors.length, 'error')}, the first: ${formatProblem(error, configPath)}`;
    const why = 'a slip in the file, or the file is not there; a start or a reload would fail';
    return critical(
      'config',
      summary,
      why,
      `run 'bal check --config ${quoted(configPath)}' and correct the lines it names`,
    );
  }
  const [warning] = warnings;
  if (warning !== undefined) {
    const summary = `valid, with ${counted(warnings.length, 'warning')}: ${formatProblem({ ...warning, hint: null }, configPath)}`;
    const why = 'the configuration works, but not in all situations';
    return warn('config', summary, why, warning.hint ?? `run 'bal check --config ${quoted(configPath)}'`);
  }
  return ok('config', `${configPath} is valid`);
}

/** Compares the configuration on disk with the running one. */
function drift(disk: Patient['disk'], running: Patient['running'], status: Status): Finding {
  const { config_path: runningPath, version: its } = status;
  const name = 'config_drift';
  if (runningPath !== null && runningPath !== disk.configPath) {
    return warn(
      name,
      `the running instance uses ${runningPath}, this looked at ${disk.configPath}`,
      'bal was started with another --config, or a file was added where it is searched first',
      `run 'bal doctor --config ${runningPath}', or restart bal with the file that you mean`,
    );
  }
  if (disk.plan === null) return ok(name, 'not compared');
  if (running === null) {
    const unread = `reports its configuration not at all, or in a form that this bal (${version}) does not know`;
    return ok(name, `not compared: the running bal (${its}) ${unread}`);
  }
  const { changed, unchangeable } = planDifference(running, disk.plan);
  const all = [...changed, ...unchangeable];
  const [first] = all;
  if (first === undefined) return ok(name, 'the running configuration is the one on disk');
  return warn(
    name,
    `${counted(all.length, 'value')} on disk ${all.length === 1 ? 'differs' : 'differ'} from the running configuration: ${all.map(({ what }) => what).join(', ')}`,
    'the file was edited after the last start or reload',
    unchangeable.length > 0
      ? "run 'bal stop', then 'bal start -d'"
      : "run 'bal check', then 'bal graceful' to apply it",
  );
}
