// `bal --version`: prints the version, and with --json what it runs on.
import { loadAddon } from '../engine/addon.ts';
import { commit, version } from '../version.ts';
import type { ExitCode, Io } from './command.ts';
import { json } from './report.ts';

export function printVersion(asJson: boolean, io: Io): ExitCode {
  if (!asJson) {
    io.out(`bal ${version}`);
    return 0;
  }
  const native = loadAddon();
  const { node } = process.versions;
  const { platform, arch } = process;
  const engine = native.ok ? 'native' : 'js';
  json(io, { version, commit, engine, engine_reason: native.ok ? null : native.reason, node, platform, arch });
  return 0;
}
