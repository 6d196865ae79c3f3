// Measures the features that are wanted, each with backends of its own.
import { freePort } from '../../../lib/testing/ports.ts';
import { startBackends } from '../loadgen.ts';
import type { Bench } from '../measure.ts';
import type { Options } from '../options.ts';
import type { Surroundings } from '../running.ts';
import { CHECKED, type CheckFigures, measureChecks } from './checks.ts';
import { type Feature, FEATURES, FEW, HEALTH_CHECKS } from './features.ts';
import { type FeatureFigures, measureFeature } from './measure.ts';

export interface FeatureResults {
  readonly features: readonly FeatureFigures[];
  readonly checks: CheckFigures | null;
  readonly problems: readonly string[];
}

async function withBackends<T>(
  program: string,
  [ours, theirs]: readonly [number, number],
  measure: (ports: readonly [readonly number[], readonly number[]]) => Promise<T>,
): Promise<T> {
  const ports: number[] = [];
  while (ports.length < ours + theirs) ports.push(await freePort());
  const backends = await startBackends(program, ports);
  try {
    return await measure([ports.slice(0, ours), ports.slice(ours)]);
  } finally {
    await backends.stop();
  }
}

export async function runFeatures(
  bench: Pick<Bench, 'program' | 'cores'>,
  has: { readonly bal: boolean; readonly haproxy: boolean },
  around: Surroundings,
  options: Options,
  say: (line: string) => void,
): Promise<FeatureResults> {
  const problems: string[] = [];
  const attempt = async <T>(name: string, isPossible: boolean, measure: () => Promise<T>): Promise<T | null> => {
    const isWanted = options.cases === null || options.cases.some((each) => each === name || each === 'features');
    if (!isWanted || !has.bal || !isPossible) return null;
    try {
      return await measure();
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  };
  const measured = (feature: Feature): Promise<FeatureFigures | null> =>
    attempt(feature.name, has.haproxy || feature.against !== 'haproxy', () =>
      withBackends(bench.program, [feature.backends, FEW], (ports) =>
        measureFeature(bench, feature, ports, around, options, say),
      ),
    );
  const features: FeatureFigures[] = [];
  for (const feature of FEATURES) {
    const figures = await measured(feature);
    if (figures !== null) features.push(figures);
  }
  const checks = await attempt(HEALTH_CHECKS, has.haproxy, () =>
    withBackends(bench.program, [CHECKED, CHECKED], (ports) => measureChecks(ports, around, options, say)),
  );
  return { features, checks, problems };
}
