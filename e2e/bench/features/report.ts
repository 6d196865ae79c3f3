// The features' figures as rows of the targets, and as a table of their own.
import { table } from '../table.ts';
import type { Spread } from '../statistics.ts';
import { CHECKS_PER_SECOND } from './checks.ts';
import { FEATURES, HEALTH_CHECKS } from './features.ts';
import type { FeatureResults } from './run.ts';

/** What a target is, how far it may go, and what was measured. */
export interface FeatureTarget {
  readonly title: string;
  readonly must: number;
  readonly unit: string;
  readonly value: Spread | null;
}

const CHECKS = `CPU of ${CHECKS_PER_SECOND} health checks per second`;

/** Of all features, measured or not. */
export function featureTargets({ features, checks }: FeatureResults): FeatureTarget[] {
  const targets = FEATURES.flatMap((feature) => {
    const { name, title, against, must, memory } = feature;
    const figures = features.find((each) => each.feature.name === name);
    const cpu = {
      title: `CPU per short connection, ${title}`,
      must,
      unit: `× ${against}`,
      value: figures?.cpu ?? null,
    };
    if (memory === null) return [cpu];
    return [cpu, { title: `memory of ${title}`, must: memory, unit: 'MiB', value: figures?.memory ?? null }];
  });
  return [...targets, { title: CHECKS, must: 1, unit: '× haproxy', value: checks?.cpu ?? null }];
}

/** The section's text; null: nothing was measured. */
export function featureSection(
  { features, checks }: FeatureResults,
  withSpread: (spread: Spread | null) => string,
): string | null {
  if (features.length === 0 && checks === null) return null;
  const rows = features.map(({ feature: { name, title, against }, cpu, memory, faults }) => [
    name,
    title,
    `× ${against}`,
    withSpread(cpu),
    withSpread(memory),
    String(faults),
  ]);
  const ofChecks =
    checks === null
      ? []
      : [
          [
            HEALTH_CHECKS,
            `${CHECKS_PER_SECOND} of type \`tcp\` per second, no clients`,
            '× haproxy',
            withSpread(checks.cpu),
            '–',
            '–',
          ],
        ];
  const both =
    checks === null
      ? ''
      : `\n\n${withSpread(checks.bal)} and ${withSpread(checks.haproxy)} % of a core for the checks of bal and of haproxy.`;
  const head = ['case', 'feature', 'compared with', 'CPU', 'MiB more', 'errors and wrong bytes'];
  return `${table(head, [...rows, ...ofChecks], 3)}${both}\n\n${METHOD}`;
}

const METHOD = `CPU is that of all processes, per short connection. bal with a feature and bal without it carry load at the same time, bal and haproxy take turns.
The checks of bal and haproxy run at the same time.`;
