import type { State } from '../ledger/lifecycle.ts';
import { html, type Markup } from './html.ts';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `1,234,567`. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** `1 object`, `2 objects`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A share of a whole for people: a part that is there is never 0 %, and only a whole is 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %';
  if (part === whole) return '100 %';
  return `${Math.min(99.9, Math.max(0.1, Math.round((part / whole) * 1_000) / 10))} %`;
}

/** A moment in UTC, to the second. */
export function moment(at: number): Markup {
  const text = new Date(at).toISOString();
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 19)} UTC</time>`;
}

/** What a state means, in one line. */
export const MEANING: Readonly<Record<State, string>> = {
  planned: 'listed at the source; nothing was done yet',
  copied: 'written to the centre; not proven yet',
  verified: 'the copy at the centre is proven',
  tombstoned: 'proven, and a tombstone is in the place of the source object',
  purged: 'what the tombstone hid at the source is removed for good',
  restored: 'the tombstone was undone; the source has its object again',
  conflict: 'the source changed after it was read, or the centre holds other bytes under the key',
  gone: 'the source vanished before its copy',
  held: 'an object lock or a legal hold keeps it where it is',
  unverifiable: 'the centre keeps no checksum of its own to prove the copy by',
  failed: 'a step did not succeed',
};
