// One clock for all processes of this machine. performance.now() starts at 0 in each process, and performance.timeOrigin is wall
// time. But performance.now() and process.hrtime() both read CLOCK_MONOTONIC, which all processes share.

/** The machine's clock when performance.now() of this process is 0. */
const OFFSET_MS = measure();

/** Converts performance.now() of this process to ms on the machine's clock. */
export function toMachine(at: number): number {
  return at + OFFSET_MS;
}

/** Converts ms on the machine's clock to performance.now() of this process. */
export function fromMachine(at: number): number {
  return at - OFFSET_MS;
}

/** Uses the pair of readings closest together, since the process may be stopped between two readings. */
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
