// Times for people: local, in ISO 8601 order, with their zone. Pure except for the machine's zone.

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-03-01 10:02:11 +01:00`. */
export function dateTime(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time(ms)} ${zone(ms)}`;
}

/** `10:02:11`; for places that show the zone beside it. */
export function time(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
}

/** `+01:00`. */
export function zone(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `10:02:11 +01:00` if today, else with its date. */
export function moment(ms: number, now: number): string {
  const isToday = new Date(ms).toDateString() === new Date(now).toDateString();
  return isToday ? `${time(ms)} ${zone(ms)}` : dateTime(ms);
}
