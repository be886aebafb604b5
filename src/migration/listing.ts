import type { Route, Router } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { isStagedKey } from '../store/s3/staged-key.ts';
import type { ListEntry, ListOptions, Store } from '../store/store.ts';
import { historyRevision, listsHistories } from './history.ts';
import { listAhead } from './list-ahead.ts';
import { isProbeKey } from './probe.ts';

/** A listed object and where the plan sends it. */
export interface Routed {
  readonly entry: ListEntry;
  readonly route: Route;
}

export interface RoutedPage {
  readonly items: readonly Routed[];
  /** Where a listing that is cut off after this page goes on; `undefined` for keys that no listing shows. */
  readonly after: string | undefined;
}

/**
 * All objects of a source with their routes, page by page; then the objects that only a manifest knows, since some servers hide
 * a key that lies under another key from every listing.
 */
export async function* listRouted(
  plan: Plan,
  source: Store,
  router: Router,
  options: { readonly after?: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<RoutedPage> {
  const { signal } = options;
  const from = options.after === undefined ? {} : { after: options.after };
  const pages = listsHistories(plan, source)
    ? listed(plan, source, router, { ...from, signal })
    : plainly(plan, source, { ...from, signal });
  for await (const page of pages) {
    const last = page.at(-1);
    if (last === undefined) continue;
    const objects = page.filter((entry) => !isProbeKey(entry.key) && !(source.kind === 's3' && isStagedKey(entry.key)));
    const items = objects
      .map((entry) => ({ entry, route: router.route(source.name, entry.key) }))
      .filter(({ entry, route }) => !isHidden(plan, entry, route));
    yield { items, after: last.key };
  }
  if (!hasManifest(plan, source.name)) return;
  for (const { key, index } of router.unlisted(source.name)) {
    const head = await unlisted(plan, source, key, index, signal);
    if (head !== undefined) yield { items: [{ entry: head, route: { to: 'partition', index } }], after: undefined };
  }
}

/** Listings of one bucket at once. */
const LISTERS = 8;

/** A server takes a while for each page; a folder is listed as fast as it can be read. */
function plainly(plan: Plan, source: Store, options: ListOptions): AsyncIterable<readonly ListEntry[]> {
  if (source.kind !== 's3') return source.list(options);
  return listAhead((range) => source.list(range), options, Math.min(LISTERS, plan.limits.concurrency));
}

/**
 * A listing that shows deleted keys too. A partition that moves whole histories sees what changes with any write of the key; the others
 * see what a plain listing shows. A page keeps its last key, which says where a listing goes on.
 */
async function* listed(
  plan: Plan,
  source: Store,
  router: Router,
  options: ListOptions,
): AsyncGenerator<readonly ListEntry[]> {
  const { versions } = source;
  if (versions === undefined) throw new Error(`${source.name} keeps no versions`);
  for await (const page of versions.list(options)) {
    yield page.map((history) => {
      const route = router.route(source.name, history.key);
      const whole = route.to === 'partition' && plan.partitions[route.index]?.versions === 'all';
      return whole ? { ...history, revision: historyRevision(history) } : history;
    });
  }
}

/** Whether nothing is to be seen of an entry: a deleted key, where only current objects move. */
function isHidden(plan: Plan, entry: ListEntry, route: Route): boolean {
  if (!('deleted' in entry) || entry.deleted !== true) return false;
  return route.to !== 'partition' || plan.partitions[route.index]?.versions !== 'all';
}

async function unlisted(
  plan: Plan,
  source: Store,
  key: string,
  index: number,
  signal: AbortSignal,
): Promise<ListEntry | undefined> {
  const newest =
    plan.partitions[index]?.versions === 'all' ? (await source.versions?.of(key, { signal }))?.at(-1) : undefined;
  if (newest === undefined) return await source.head(key, { signal });
  return { key, size: newest.size, revision: historyRevision(newest), modified: newest.modified };
}

/** Whether a listing of this source must be whole in one process, because manifest keys are ticked off while it runs. */
export function hasManifest(plan: Plan, source: string): boolean {
  return plan.partitions.some((partition) => partition.from === source && partition.select.by === 'manifest');
}

/** How a route is written into an inventory's digest. */
export function routeName(plan: Plan, route: Route): string {
  switch (route.to) {
    case 'partition':
      return `partition ${plan.partitions[route.index]?.name}`;
    case 'excluded':
      return `exclude ${route.index}`;
    case 'unassigned':
      return 'unassigned';
  }
}
