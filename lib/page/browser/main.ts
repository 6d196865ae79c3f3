// The page: follows bal, keeps the model, and draws it at most once a frame.

import { announcements } from '../announce.ts';
import type { Model } from '../model.ts';
import { initialModel, lost, opened, sawEvent, sawReadiness, sawStatus } from '../model.ts';
import { linkText, titleOf } from '../words.ts';
import { createCharts } from './charts.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { createEvents } from './events.ts';
import { createOverview } from './overview.ts';
import { createServices } from './services.ts';
import { follow } from './stream.ts';
import { createWorkers } from './workers.ts';

/** Charts that creep from second to second are motion; who wants less of it gets a picture every ten seconds. */
const CALM_MS = 10_000;

let model: Model = initialModel;
let isPaused = false;
let isScheduled = false;
let chartsAt = -Infinity;

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const [link, live, pause] = [byId('link'), byId('live'), byId('pause')];
const [overview, services, workers, events, charts] = [
  createOverview(),
  createServices(),
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
  // A hidden page gets no frames: it draws when it is seen again.
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

function show(): void {
  const status = model.history?.status ?? null;
  setText(link, linkText(model.link));
  setAttribute(link, 'class', model.link.kind);
  setAttribute(document.body, 'class', model.link.kind);
  if (document.title !== titleOf(status, model.link)) document.title = titleOf(status, model.link);
  if (isPaused) return;
  overview(model);
  services(model);
  workers(model);
  events(model);
  if (calm.matches && performance.now() - chartsAt < CALM_MS) return;
  chartsAt = performance.now();
  charts(model.timeline);
}

pause.addEventListener('click', () => {
  isPaused = !isPaused;
  setAttribute(pause, 'aria-pressed', String(isPaused));
  draw();
});

follow('/events', {
  opened: () => update(opened(model)),
  lost: () => update(lost(model, Date.now())),
  status: (status) => update(sawStatus(model, status, Date.now())),
  readiness: (readiness) => update(sawReadiness(model, readiness)),
  event: (event) => update(sawEvent(model, event)),
});
