import type { Ledger } from '../ledger/ledger.ts';
import type { ListEntry, Store } from '../store/store.ts';
import type { KeyHistory, Version } from '../store/versions.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { collect, digestOfObject } from './bytes.ts';
import { isWhole } from './history.ts';
import { LARGEST_MARKER, looksLikeMarker } from './marker.ts';
import type { Standing } from './standing.ts';

/** What a listing of histories tells of an entry; `undefined` where it is of an object alone. */
export function historyIn(entry: ListEntry): KeyHistory | undefined {
  return 'versions' in entry && 'markers' in entry ? (entry as KeyHistory) : undefined;
}

/** How a key's history stands before a run, going by the sizes of its states and the bytes of the newest one. */
export async function judgeHistory(
  work: { readonly ledger: Ledger | undefined; readonly signal: AbortSignal },
  source: Store,
  centre: Store,
  here: KeyHistory,
): Promise<Standing> {
  const { ledger, signal } = work;
  const row = ledger?.queries.byKey(source.name, here.key);
  if ((row?.state === 'tombstoned' || row?.state === 'purged') && row.tombstone?.revision === here.revision)
    return 'tombstone';
  const there = (await centre.versions?.of(here.key, { signal })) ?? [];
  if (ledger !== undefined && row?.revision === here.revision && isWhole(there, ledger.history.of(row.id)))
    return 'there';
  if (await isTombstone(source, here, signal)) return 'tombstone';
  if (there.length === 0) return 'absent';
  const history = (await source.versions?.of(here.key, { signal })) ?? [];
  if (!there.every((state, index) => alike(state, history[index]))) return 'conflict';
  if (there.length < history.length) return 'absent';
  const [newest, copy] = [history.at(-1), there.at(-1)];
  if (newest === undefined || copy === undefined || newest.marker) return 'there';
  const [a, b] = [
    await digestOfObject(atVersion(source, newest.version), here.key, { signal }),
    await digestOfObject(atVersion(centre, copy.version), here.key, { signal }),
  ];
  return a.sha256 === b.sha256 ? 'there' : 'conflict';
}

function alike(a: Version, b: Version | undefined): boolean {
  return a.marker === b?.marker && a.size === b.size;
}

async function isTombstone(source: Store, here: KeyHistory, signal: AbortSignal): Promise<boolean> {
  if (here.deleted || here.versions < 2 || here.size > LARGEST_MARKER) return false;
  const head = await source.head(here.key, { signal });
  if (head?.attributes.metadata?.['ferry-tombstone'] === undefined) return false;
  return looksLikeMarker(await collect((await source.read(here.key, { signal })).body));
}
