import type { ObjectRow } from '../ledger/rows.ts';
import type { Store } from '../store/store.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';

/** Characters that no server is known to bend: printable ASCII but those that URLs, forms, XML and paths treat in a way of their own. */
const ODD = /[^\x20-\x7e]|[%+\\&<>"]/;

/** Whether no server is known to take the key for another one. Such keys cost a centre no request. */
export function isPlainKey(key: string): boolean {
  return !ODD.test(key) && key.split('/').every((segment) => segment !== '' && !segment.startsWith('.'));
}

/**
 * The outcome of a copy that its centre gives back under the key, but shows under another one or not at all: the server has taken
 * the key for something else. Who lists the centre later would not find it, and another key may mean the same object.
 */
export async function hiddenFromListings(context: StepContext, row: ObjectRow): Promise<Outcome | undefined> {
  const { centre } = endsOf(context, row);
  // Only a server may mean another object than the one that was asked for.
  if (centre.kind !== 's3' || isPlainKey(row.key) || (await isListed(centre, row.key, context.signal)))
    return undefined;
  return unresolved(
    'failed',
    `${centre.name} gives the bytes back, but lists no object under exactly this key; it may have stored them under another one`,
  );
}

async function isListed(centre: Store, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const page of centre.list({ prefix: key, signal })) {
    if (page.some((entry) => entry.key === key && entry.unusable === undefined)) return true;
  }
  return false;
}
