const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['s', SECOND],
  ['m', MINUTE],
  ['h', HOUR],
  ['d', DAY],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['PB', 1e15],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
  ['PiB', 2 ** 50],
]);

/** The same forms for JSON Schema, which cannot say that the number must be exact. */
export const DURATION_PATTERN = '^[0-9]+(s|m|h|d)$';
export const BANDWIDTH_PATTERN = '^[0-9]+(B|kB|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)?/s$';
export const REQUESTS_PATTERN = '^[0-9]+/s$';

/** `90s`, `15m`, `12h`, `30d` in milliseconds; `undefined` for any other text and for more than a number can hold exactly. */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d+)([smhd])$/.exec(text);
  return parts === null ? undefined : exact(parts[1], DURATION_UNITS.get(parts[2] ?? ''));
}

/** `64KiB`, `200MiB`, `1GB`, `10` in bytes (`KB` is 1,000 and `KiB` is 1,024); `undefined` for any other text. */
export function parseSize(text: string): number | undefined {
  const parts = /^(\d+)([A-Za-z]*)$/.exec(text);
  return parts === null ? undefined : exact(parts[1], SIZE_UNITS.get(parts[2] ?? ''));
}

/** `200MiB/s` in bytes a second; `undefined` for any other text. */
export function parseBandwidth(text: string): number | undefined {
  return text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined;
}

/** `1000/s` in requests a second; `undefined` for any other text. */
export function parseRequestRate(text: string): number | undefined {
  const parts = /^(\d+)\/s$/.exec(text);
  return parts === null ? undefined : exact(parts[1], 1);
}

function exact(digits: string | undefined, unit: number | undefined): number | undefined {
  if (digits === undefined || unit === undefined) return undefined;
  const value = Number(digits) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Bytes for people: `0 B`, `1.5 KiB`, `200 MiB`; one digit after the point, none where it would be 0. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 and above would be rounded to "1024": the next unit says it better.
  while (unit < BINARY.length - 1 && Math.round(value * 10) / 10 >= 1024) {
    value /= 1024;
    unit += 1;
  }
  return `${Math.round(value * 10) / 10} ${BINARY[unit]}`;
}

/** Milliseconds for people, in the two largest units: `850ms`, `12s`, `4m 5s`, `3h 20m`, `30d`. The rest is rounded. */
export function formatDuration(ms: number): string {
  if (ms > 0 && Math.round(ms) < SECOND) return `${Math.round(ms)}ms`;
  for (const [large, largeName, small, smallName] of SPANS) {
    const rounded = Math.round(ms / small) * small;
    if (rounded < large) continue;
    const rest = (rounded % large) / small;
    return `${Math.floor(rounded / large)}${largeName}${rest === 0 ? '' : ` ${rest}${smallName}`}`;
  }
  return `${Math.round(ms / SECOND)}s`;
}

const SPANS: readonly (readonly [number, string, number, string])[] = [
  [DAY, 'd', HOUR, 'h'],
  [HOUR, 'h', MINUTE, 'm'],
  [MINUTE, 'm', SECOND, 's'],
];
