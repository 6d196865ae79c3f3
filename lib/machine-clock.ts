// One clock for every process of this machine. performance.now() begins anew in each process, and performance.timeOrigin
// is wall time; both it and process.hrtime() read CLOCK_MONOTONIC, which all processes share.

/** What the machine's clock says when performance.now() of this process is 0. */
const OFFSET_MS = measure();

/** performance.now() of this process → ms on the machine's clock. */
export function toMachine(at: number): number {
  return at + OFFSET_MS;
}

/** Ms on the machine's clock → performance.now() of this process. */
export function fromMachine(at: number): number {
  return at - OFFSET_MS;
}

/** The pair of readings that lie closest together: the process may be stopped between two of them. */
function measure(): number {
  let offset = 0;
  let closest = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = hrtimeMs();
    const own = performance.now();
    const gap = hrtimeMs() - before;
    if (gap >= closest) continue;
    closest = gap;
    offset = before - own;
  }
  return offset;
}

function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
