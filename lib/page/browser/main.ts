// The page's entry point: follows bal, keeps the model, and draws it at most once per frame.

import { announcements } from '../announce.ts';
import type { Model } from '../model.ts';
import { initialModel, lost, opened, sawEvent, sawReadiness, sawStatus } from '../model.ts';
import { linkWords, titleOf } from '../words.ts';
import { createCharts } from './charts.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { createEvents } from './events.ts';
import { createOverview } from './overview.ts';
import { createServices } from './services.ts';
import { follow } from './stream.ts';
import { createWorkers } from './workers.ts';

/** Charts that creep are motion. With prefers-reduced-motion they are redrawn every 10 s. */
const CALM_MS = 10_000;

let model: Model = initialModel;
/** In ms of the wall clock; null if not paused. */
let pausedAt: number | null = null;
/** What a paused page shows. */
let frozen: Model = initialModel;
let isScheduled = false;
let chartsAt = -Infinity;

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const [link, state, live, pause] = [byId('link'), byId('state'), byId('live'), byId('pause')];
const [overview, services, workers, events, charts] = [
  createOverview(),
  createServices(draw),
  createWorkers(),
  createEvents(draw),
  createCharts(),
];

function update(next: Model): void {
  const sentences = announcements(model, next);
  model = next;
  if (sentences.length > 0) live.textContent = sentences.join(' ');
  draw();
}

function draw(): void {
  if (isScheduled) return;
  isScheduled = true;
  // A hidden page gets no frames: it is drawn when it is visible again.
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

function show(): void {
  const status = model.history?.status ?? null;
  const { text, tone } = linkWords(model.link, pausedAt, Date.now());
  setText(link, text);
  setAttribute(link, 'class', `badge ${tone} ${model.link.kind}`);
  setAttribute(document.body, 'class', model.link.kind);
  // The last known state is not shown as current once the connection is lost.
  state.hidden = status === null || model.link.kind === 'lost';
  if (document.title !== titleOf(status, model.link)) document.title = titleOf(status, model.link);
  // Also while paused, because the reader may ask for all backends or all events.
  const shown = pausedAt === null ? model : frozen;
  overview(shown);
  services(shown, pausedAt ?? Date.now());
  workers(shown);
  events(shown);
  if (pausedAt !== null) return;
  if (calm.matches && performance.now() - chartsAt < CALM_MS) return;
  chartsAt = performance.now();
  charts(model.timeline);
}

pause.addEventListener('click', () => {
  pausedAt = pausedAt === null ? Date.now() : null;
  frozen = model;
  setAttribute(pause, 'aria-pressed', String(pausedAt !== null));
  draw();
});

follow('/events', {
  opened: () => update(opened(model)),
  lost: () => update(lost(model, Date.now())),
  status: (status) => update(sawStatus(model, status, Date.now())),
  readiness: (readiness) => update(sawReadiness(model, readiness)),
  event: (event) => update(sawEvent(model, event)),
});
