// The three charts of the last minutes, drawn by uPlot. Their values are also shown as text.

import uPlot from 'uplot';

import { bytes } from '../../units.ts';
import type { Timeline } from '../model.ts';
import { time } from '../../view/clock.ts';
import { rateText } from '../../view/figures.ts';
import { TIMELINE_LENGTH } from '../model.ts';
import { spanText } from '../words.ts';
import { byId, element, setText } from './dom.ts';

interface Line {
  readonly name: string;
  readonly of: Exclude<keyof Timeline, 'at'>;
}

interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly unit: (value: number) => string;
  /** Possible distances between grid lines. */
  readonly steps?: readonly number[];
}

const CHARTS: readonly Chart[] = [
  {
    title: 'Connections per second',
    lines: [
      { name: 'new', of: 'connections' },
      { name: 'refused', of: 'refused' },
    ],
    unit: rateText,
  },
  {
    title: 'Bytes per second',
    lines: [
      { name: 'in', of: 'bytesIn' },
      { name: 'out', of: 'bytesOut' },
    ],
    unit: (value) => `${bytes(value)}/s`,
    steps: Array.from({ length: 50 }, (_none, i) => 2 ** i),
  },
  { title: 'Connections open', lines: [{ name: 'open', of: 'active' }], unit: rateText },
];

const HEIGHT = 150;
/** No chart shows less than a minute. */
const SHORTEST_S = 60;
/** The second line is also dashed, so that colour is not the only difference. */
const DASHES = [[], [6, 4]];

export function createCharts(): (timeline: Timeline) => void {
  const charts = CHARTS.map((chart) => createChart(chart, byId('charts')));
  const span = byId('span');
  return (timeline) => {
    setText(span, spanText(timeline, TIMELINE_LENGTH));
    charts.forEach((show) => show(timeline));
  };
}

function createChart(chart: Chart, parent: HTMLElement): (timeline: Timeline) => void {
  const values = chart.lines.map(({ name }, i) => {
    const value = element('span', { class: 'value' });
    return { value, node: element('span', { class: `key line-${i + 1}` }, `${name} `, value) };
  });
  const moment = element('span', { class: 'moment' });
  const box = element('div', { class: 'plot', 'aria-hidden': 'true' });
  parent.append(
    element(
      'figure',
      {},
      element('figcaption', {}, element('strong', {}, chart.title), ...values.map(({ node }) => node), moment),
      box,
    ),
  );
  let shown: Timeline | null = null;
  let at: number | null = null;

  const caption = (): void => {
    if (shown === null) return;
    const index = at ?? shown.at.length - 1;
    for (const [i, { of }] of chart.lines.entries()) {
      const value = shown[of][index] ?? null;
      const node = values[i]?.value;
      if (node !== undefined) setText(node, value === null ? '-' : chart.unit(value));
    }
    setText(moment, at === null ? '' : time((shown.at[at] ?? 0) * 1000));
  };

  const plot = new uPlot(
    optionsFor(chart, box, (index) => {
      at = index;
      caption();
    }),
    [[]],
    box,
  );
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw(false, true));

  return (timeline) => {
    shown = timeline;
    plot.setData([[...timeline.at], ...chart.lines.map(({ of }) => [...timeline[of]])]);
    caption();
  };
}

/** From the first moment to the last, because uPlot's default for a single moment is a day. */
function shownSpan(at: ArrayLike<number>): [number, number] {
  const last = at[at.length - 1] ?? Date.now() / 1000;
  return [Math.min(at[0] ?? last, last - SHORTEST_S), last];
}

function optionsFor(chart: Chart, box: HTMLElement, pointed: (index: number | null) => void): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(box).getPropertyValue(name);
  const grid = { stroke: colour('--grid'), width: 1 };
  const axis = { stroke: colour('--muted'), grid, ticks: grid, font: '12px system-ui, sans-serif' };
  return {
    width: Math.max(1, box.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    // The label of the last moment needs this width.
    padding: [8, 28, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false },
    scales: {
      x: { range: ({ data: [at] }) => shownSpan(at) },
      y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] },
    },
    series: [
      {},
      ...chart.lines.map((_line, i) => ({
        stroke: colour(`--line-${i + 1}`),
        width: 2,
        dash: DASHES[i] ?? [],
        points: { show: false },
      })),
    ],
    axes: [
      { ...axis, space: 90, size: 28, values: (_plot, ticks) => ticks.map((tick) => time(tick * 1000)) },
      {
        ...axis,
        size: 74,
        values: (_plot, ticks) => ticks.map((tick) => chart.unit(tick)),
        ...(chart.steps !== undefined && { incrs: [...chart.steps] }),
      },
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => pointed(idx ?? null)] },
  };
}
