/** By their number: 0 is Sunday, as in `Date`. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

export const TIME_PATTERN = '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$';
const TIME = new RegExp(TIME_PATTERN);

export function isTimeOfDay(text: string): boolean {
  return TIME.test(text);
}

/** `08:30` in minutes from midnight. */
export function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

const readers = new Map<string, Intl.DateTimeFormat>();

function readerOf(zone: string): Intl.DateTimeFormat {
  const known = readers.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
  readers.set(zone, made);
  return made;
}

/** Whether it is a name of the IANA time zone database that this Node knows. Bare offsets such as `+01:00` know no summer time: no zone. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    readerOf(name);
    return true;
  } catch {
    return false;
  }
}

/** What the clock on the wall shows there at a moment, in milliseconds since 1970. `weekday` is 0 for Sunday. */
export function wallClock(at: number, zone: string): { readonly weekday: number; readonly minute: number } {
  const parts = new Map(
    readerOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const name = (parts.get('weekday') ?? '').toLowerCase();
  const weekday = (WEEKDAYS as readonly string[]).indexOf(name);
  return { weekday, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
}
