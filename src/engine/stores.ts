import { isAbsolute, relative, resolve } from 'node:path';
import { FerryError } from '../base/errors.ts';
import type { RetryPolicy } from '../base/retry.ts';
import { sources } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { MemoryStore } from '../store/memory/memory-store.ts';
import { makeStore } from '../store/open-store.ts';
import { type Store, StoreError } from '../store/store.ts';
import { limited } from '../store/wrap/limited.ts';
import { retrying } from '../store/wrap/retrying.ts';
import { LiveLimits } from './limits.ts';
import { outOfReach } from './local.ts';

export interface StoresOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly retry: RetryPolicy;
  /** What to do about a centre's folder that is not there. */
  readonly missingCentre: (name: string) => 'make' | 'empty' | 'refuse';
  /** Whether to clean up after dead writers: only for who may write. */
  readonly sweep: boolean;
  /** The limits that hold, where more than the plan decides on them. */
  readonly limits?: LiveLimits | undefined;
  /** Puts something right around each store, closer than limits and retries. */
  readonly wrap?: ((store: Store) => Store) | undefined;
  /** Called before any store is touched. */
  readonly made?: (stores: ReadonlyMap<string, Store>) => void;
  /** Told of each store when it was opened, also when it was refused. */
  readonly tried?: (store: Store) => void;
  readonly signal: AbortSignal;
}

/** All stores of a plan, limited and retrying, open. Close each when done. */
export async function openStores(plan: Plan, options: StoresOptions): Promise<Map<string, Store>> {
  const stores = await makeStores(plan, options);
  const legacy = new Set(sources(plan));
  try {
    options.made?.(stores);
    for (const [name, store] of stores) stores.set(name, await opened(store, legacy.has(name), options));
  } catch (error) {
    await closeStores(stores);
    throw error instanceof StoreError ? outOfReach(error) : error;
  }
  return stores;
}

/** All stores of a plan, limited and retrying, not open yet. @throws FerryError `usage` where credentials are not to be found. */
export async function makeStores(
  plan: Plan,
  { env, retry, wrap, limits = new LiveLimits(plan.limits) }: Pick<StoresOptions, 'env' | 'retry' | 'wrap' | 'limits'>,
): Promise<Map<string, Store>> {
  const stores = new Map<string, Store>();
  const legacy = new Set(sources(plan));
  try {
    for (const spec of Object.values(plan.stores)) {
      // The control store is no place that user data moves to or from: who needs it opens it.
      if (spec.name === plan.control) continue;
      const made = await makeStore(spec, env);
      const bare = limited(wrap?.(made) ?? made, limits.forStore(spec, legacy.has(spec.name)));
      stores.set(spec.name, retrying(bare, retry));
    }
  } catch (error) {
    await closeStores(stores);
    throw error;
  }
  return stores;
}

async function opened(store: Store, isSource: boolean, options: StoresOptions): Promise<Store> {
  const missing = isSource ? 'refuse' : options.missingCentre(store.name);
  try {
    await store.open({ create: missing === 'make', signal: options.signal });
    if (options.sweep) await store.sweep();
    return store;
  } catch (error) {
    const absentFolder = error instanceof StoreError && error.kind === 'missing' && store.kind === 'file';
    if (absentFolder && missing === 'empty') return new MemoryStore({ name: store.name, holds: store.holds });
    throw error;
  } finally {
    options.tried?.(store);
  }
}

export async function closeStores(stores: ReadonlyMap<string, Store>): Promise<void> {
  for (const store of stores.values()) await store.close();
}

/** Refuses a state directory inside a store: the ledger would become an object of its own inventory. */
export function keepStateOutside(plan: Plan, stateDir: string): void {
  for (const spec of Object.values(plan.stores)) {
    if (spec.type !== 'file') continue;
    const inside = relative(spec.path, resolve(stateDir));
    if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) continue;
    throw new FerryError({
      fault: 'usage',
      op: 'use the state directory',
      subject: stateDir,
      why: `it lies inside store ${spec.name} (${spec.path})`,
      hint: 'name a directory outside of every store with --state',
    });
  }
}
