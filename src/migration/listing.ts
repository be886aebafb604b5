import type { Route, Router } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import type { ListEntry, Store } from '../store/store.ts';
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
  for await (const page of source.list({ ...from, signal })) {
    const last = page.at(-1);
    if (last === undefined) continue;
    const objects = page.filter((entry) => !isProbeKey(entry.key));
    yield { items: objects.map((entry) => ({ entry, route: router.route(source.name, entry.key) })), after: last.key };
  }
  if (!hasManifest(plan, source.name)) return;
  for (const { key, index } of router.unlisted(source.name)) {
    const head = await source.head(key, { signal });
    if (head !== undefined) yield { items: [{ entry: head, route: { to: 'partition', index } }], after: undefined };
  }
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
