// The last minute of one backend: a line for its rate of connections, and below it a bar with gaps where it was not up.

import type { BackendStateName } from '../../control/protocol.ts';
import { element, setAttribute, setText, svg } from './dom.ts';
import { rateText } from '../../view/figures.ts';

const WIDTH = 96;
const HEIGHT = 20;
const BAR = 3;
const POINTS = 60;
const STEP = WIDTH / (POINTS - 1);

export interface Minute {
  /** Connections per second, oldest first. */
  readonly trend: readonly number[];
  readonly states: readonly (BackendStateName | null)[];
}

export function sparkline(cell: HTMLElement): (minute: Minute) => void {
  const line = svg('polyline', { class: 'trend', fill: 'none', 'vector-effect': 'non-scaling-stroke' });
  const up = svg('path', { class: 'was-up' });
  const notUp = svg('path', { class: 'was-not-up' });
  const title = element('span', { class: 'visually-hidden' });
  const total = HEIGHT + BAR + 1;
  const picture = svg('svg', {
    class: 'sparkline',
    viewBox: `0 0 ${WIDTH} ${total}`,
    width: String(WIDTH),
    height: String(total),
    'aria-hidden': 'true',
    focusable: 'false',
  });
  picture.append(line, up, notUp);
  cell.append(picture, title);
  return ({ trend, states }) => {
    const highest = Math.max(0, ...trend);
    const from = WIDTH - (trend.length - 1) * STEP;
    const y = (value: number): number => HEIGHT - 1 - (highest === 0 ? 0 : (value / highest) * (HEIGHT - 2));
    setAttribute(
      line,
      'points',
      trend.map((value, i) => `${(from + i * STEP).toFixed(1)},${y(value).toFixed(1)}`).join(' '),
    );
    setAttribute(
      up,
      'd',
      bars(states, (state) => state === 'up'),
    );
    setAttribute(
      notUp,
      'd',
      bars(states, (state) => state !== 'up'),
    );
    const missed = states.filter((state) => state !== 'up').length;
    setText(title, `at most ${rateText(highest)} connections/s${missed === 0 ? '' : `, not up for ${missed} s`}`);
  };
}

/** Adjacent squares, one for each second whose state matches. */
function bars(states: Minute['states'], isMeant: (state: BackendStateName | null) => boolean): string {
  const from = WIDTH - states.length * (WIDTH / POINTS);
  const width = WIDTH / POINTS;
  return states
    .map((state, i) =>
      isMeant(state) ? `M${(from + i * width).toFixed(1)} ${HEIGHT + 1}h${width}v${BAR}h-${width}z` : '',
    )
    .join('');
}
