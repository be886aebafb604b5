import type { Coverage, InventoryState, Listed } from '../ledger/inventory-book.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Router } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';
import { chainNext, chainStart } from './chain.ts';
import { hasManifest, listRouted, type RoutedPage, routeName } from './listing.ts';

/** How many unassigned keys are shown as a sample. */
const SAMPLE = 20;

/**
 * Lists one source into the ledger, page by page. A listing that was cut off goes on at its last page; one that is complete begins
 * a new pass, which finds what came later. Memory does not grow with the number of objects.
 *
 * @param seen called after each page with the number of entries so far in this call.
 */
export async function takeInventory(
  work: { readonly plan: Plan; readonly ledger: Ledger; readonly router: Router; readonly signal: AbortSignal },
  source: Store,
  seen: (entries: number) => void = () => undefined,
): Promise<void> {
  const { plan, ledger, router, signal } = work;
  const known = ledger.inventory.state(source.name);
  if (known === undefined || known.complete || known.pass === 0 || hasManifest(plan, source.name)) {
    ledger.inventory.begin(source.name, chainStart(source.name));
  }
  const start = ledger.inventory.state(source.name);
  if (start === undefined) throw new Error(`the ledger has no inventory of ${source.name}`);
  const count = new Counter(plan, start);
  let entries = 0;
  for await (const page of listRouted(plan, source, router, { after: start.after, signal })) {
    const listed = count.page(page);
    ledger.inventory.page(source.name, listed, {
      after: page.after,
      chain: count.chain,
      listed: count.listed,
      ...count.coverage,
    });
    entries += page.items.length;
    seen(entries);
    signal.throwIfAborted();
  }
  ledger.inventory.finish(source.name);
}

/** Adds up what lies outside the partitions, and the digest over everything. */
export class Counter {
  readonly #plan: Plan;
  readonly #sample: string[];
  chain: string;
  #listed: { objects: number; bytes: number };
  #excluded: { objects: number; bytes: number };
  #unassigned: { objects: number; bytes: number };

  constructor(plan: Plan, start: Pick<InventoryState, 'chain' | 'listed' | 'excluded' | 'unassigned'>) {
    this.#plan = plan;
    this.chain = start.chain;
    this.#listed = { ...start.listed };
    this.#excluded = { ...start.excluded };
    this.#unassigned = { objects: start.unassigned.objects, bytes: start.unassigned.bytes };
    this.#sample = [...start.unassigned.sample];
  }

  /** All entries, whatever the plan does with them. */
  get listed(): { readonly objects: number; readonly bytes: number } {
    return { ...this.#listed };
  }

  get coverage(): Coverage {
    return { excluded: { ...this.#excluded }, unassigned: { ...this.#unassigned, sample: [...this.#sample] } };
  }

  /** Counts a page and gives back what of it belongs to partitions. */
  page(page: RoutedPage): Listed[] {
    const listed: Listed[] = [];
    for (const { entry, route } of page.items) {
      this.chain = chainNext(this.chain, routeName(this.#plan, route), entry.key, entry.size, entry.revision);
      add(this.#listed, entry.size);
      if (route.to === 'excluded') {
        add(this.#excluded, entry.size);
      } else if (route.to === 'unassigned') {
        add(this.#unassigned, entry.size);
        if (this.#sample.length < SAMPLE) this.#sample.push(entry.key);
      } else {
        const partition = this.#plan.partitions[route.index]?.name ?? '';
        const { key, size, revision, unusable } = entry;
        listed.push({ partition, key, size, revision, unusable });
      }
    }
    return listed;
  }
}

function add(sum: { objects: number; bytes: number }, size: number): void {
  sum.objects += 1;
  sum.bytes += size;
}
