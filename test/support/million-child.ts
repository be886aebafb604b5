import '../../bin/heap.js';
import { survey } from '../../src/migration/survey.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { openRouter } from '../../src/plan/router.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListEntry, ListOptions } from '../../src/store/store.ts';

/** A store of as many tiny objects as one likes, none of which is held anywhere. */
class EndlessStore extends MemoryStore {
  readonly #objects: number;

  constructor(name: string, objects: number) {
    super({ name });
    this.#objects = objects;
  }

  override async *list(_options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    for (let at = 0; at < this.#objects; at += 1_000) {
      yield Array.from({ length: Math.min(1_000, this.#objects - at) }, (_, n) => entry(at + n));
    }
  }
}

function entry(n: number): ListEntry {
  const country = n % 2 === 0 ? 'DE' : 'NO';
  return { key: `users/${country}/u${String(n).padStart(8, '0')}`, size: 1, revision: `r${n}`, modified: 0 };
}

const [planFile = '', objects = '0'] = process.argv.slice(2);
const loaded = await loadPlan(planFile, process.env);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { plan } = loaded;
const stores = new Map([
  ['legacy', new EndlessStore('legacy', Number(objects))],
  ['hamar', new MemoryStore({ name: 'hamar' })],
  ['dublin', new MemoryStore({ name: 'dublin' })],
]);
const router = await openRouter(plan);
const found = await survey({ plan, stores, router, ledger: undefined, signal: new AbortController().signal });
router.close();
const counted = found.partitions.reduce((sum, partition) => sum + partition.objects, 0);
process.stdout.write(JSON.stringify({ counted, peakBytes: process.resourceUsage().maxRSS * 1024 }));
