import { formatBytes, formatDuration } from '../../plan/units.ts';
import type { Eta } from './pace.ts';
import type { Counts, LimitsShown, Snapshot } from './types.ts';

/** Full seconds, in the two largest units. */
export function span(seconds: number): string {
  return formatDuration(Math.ceil(seconds) * 1000);
}

/** `about 3m 5s (2m 50s to 3m 30s)` */
export function etaText(eta: Eta): string {
  const [low, likely] = [span(eta.low), span(eta.likely)];
  if (eta.high === undefined) return `about ${likely} (${low} or more)`;
  const high = span(eta.high);
  return low === high ? `about ${likely}` : `about ${likely} (${low} to ${high})`;
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function percent({ objects, done }: Counts): string {
  return `${objects === 0 ? 0 : Math.floor((100 * done) / objects)}%`;
}

/** `35.2 objects/s, 12 MiB/s`; empty while too little is known. */
export function rateText({ objectsPerSecond, bytesPerSecond }: Snapshot): string {
  if (objectsPerSecond === undefined) return '';
  return `${objectsPerSecond.toFixed(1)} objects/s, ${formatBytes(Math.round(bytesPerSecond ?? 0))}/s`;
}

/** `3 need a person (conflict 1, failed 2)`; empty where none does. */
export function errorsText({ errors }: Snapshot): string {
  const all = Object.entries(errors);
  const sum = all.reduce((total, [, n]) => total + n, 0);
  return sum === 0 ? '' : `${count(sum)} need a person (${kinds(all)})`;
}

/** `tried again: copy 4`; empty where nothing was. */
export function retriesText({ retries }: Snapshot): string {
  const all = Object.entries(retries);
  return all.length === 0 ? '' : `tried again: ${kinds(all)}`;
}

function kinds(all: readonly (readonly [string, number])[]): string {
  return all.map(([kind, n]) => `${kind} ${count(n)}`).join(', ');
}

/** `32 objects at once, 200 MiB/s, 1,000 requests/s a store` */
export function limitsText({ concurrency, bandwidth, requests }: LimitsShown): string {
  const parts = [`${concurrency} objects at once`];
  if (bandwidth !== undefined) parts.push(`${formatBytes(bandwidth)}/s`);
  if (requests !== undefined) parts.push(`${count(requests)} requests/s a store`);
  return parts.join(', ');
}
