// `bal selftest`: runs a bal of its own under load, disturbs it, and reports losses.

import { conditionsText } from '../trial/machine.ts';
import { selftest as carryOut, type SelftestReport, type Step } from '../trial/selftest.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { json, paint } from './report.ts';
import { onStage } from './trial.ts';

const SECONDS = 60;

/** 0: nothing was lost; 1: something was, or a step failed. */
export async function selftest(options: Options, io: Io): Promise<ExitCode> {
  const tell = (step: Step): void => {
    if (!options.json) io.out(stepText(step, io));
  };
  const report = await onStage(options, io, (stage, signal) =>
    carryOut(stage, options.seconds ?? SECONDS, tell, signal),
  );
  if (report === null) return 1;
  if (options.json) json(io, report);
  else for (const line of reportLines(report, io)) io.out(line);
  return report.ok ? 0 : 1;
}

function stepText({ step, ok, detail, duration_ms }: Step, io: Io): string {
  const mark = paint(io, ok ? 'green' : 'red', ok ? 'ok    ' : 'failed');
  return `${mark}  ${step.padEnd(22)}  ${String(duration_ms).padStart(6)} ms  ${detail}`;
}

function reportLines({ ok, lost, visits, talks, losses, seconds, ...rest }: SelftestReport, io: Io): string[] {
  const kinds = Object.entries(losses).filter(([, count]) => count > 0);
  const how = kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
  const worker = rest.ended_with_worker;
  return [
    '',
    `${visits} visits and ${talks} questions over open connections in ${seconds} s`,
    ...(worker > 0 ? [`${worker} connections ended with the worker that was killed, as they do`] : []),
    paint(io, ok ? 'green' : 'red', `lost: ${lost}${lost > 0 ? ` (all that ended early: ${how})` : ''}`),
    conditionsText(rest.conditions),
  ];
}
