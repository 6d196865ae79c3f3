// Formats numbers with units for people. Pure, and used by the commands and by the page in the browser.

/** `1 worker`, `2 workers`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const LISTED = 8;

/** `a, b`; a long list is cut, with the number of further entries. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).join(', ');
  return names.length > LISTED ? `${shown}, and ${names.length - LISTED} more` : shown;
}

const SIZES = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `512 B`, `1.5 KiB`, `20 GiB`; a dash if unknown. */
export function bytes(count: number | null): string {
  if (count === null) return '-';
  let [value, unit] = [count, 'B'];
  for (const size of SIZES) {
    if (value < 1024) break;
    [value, unit] = [value / 1024, size];
  }
  return `${unit === 'B' || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
}

/** `850 ms`, `12 s`, `3 min 20 s`, `5 h 7 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

/** The first part of duration(), for columns: `3 min`, `5 h`, `3 d`. */
export function age(ms: number): string {
  return duration(ms).split(' ').slice(0, 2).join(' ');
}
