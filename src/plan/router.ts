import { ListedKeys } from './listed-keys.ts';
import { readManifest } from './manifest.ts';
import { compilePattern } from './pattern.ts';
import { inShard } from './shard.ts';
import type { Plan, Selector } from './types.ts';

/** Where one key of one legacy store goes. Indexes are into the plan's `partitions` and `exclude`. */
export type Route =
  | { readonly to: 'partition'; readonly index: number }
  | { readonly to: 'excluded'; readonly index: number }
  | { readonly to: 'unassigned' };

/**
 * Tells for every key of every legacy store where it goes: an `exclude` of the store wins; then the partitions of the store are
 * tried in order and the first that selects the key has it; else the key is unassigned.
 */
export interface Router {
  /** Also remembers that the key was seen, for `unlisted`. A store that nothing is read from has only unassigned keys. */
  route(from: string, key: string): Route;
  /**
   * After a listing was routed: the keys that manifests of the store's partitions name and that no `route` call has seen. They may
   * be hidden from the listing, or not be there. Each comes once, in UTF-8 order, with the partition that it goes to; what an
   * exclude names is left out. Routing the keys meanwhile is fine.
   */
  unlisted(from: string): Iterable<{ key: string; index: number }>;
  close(): void;
}

/** The stores that are read from, in the order in which the partitions, then the excludes, name them first. */
export function sources(plan: Plan): string[] {
  return [...new Set([...plan.partitions, ...plan.exclude].map((rule) => rule.from))];
}

/**
 * Reads the manifests of the plan, each once, and makes its router. The caller closes it.
 *
 * @throws FerryError `usage` with file and line for a manifest that cannot be read.
 */
export async function openRouter(plan: Plan): Promise<Router> {
  const { rules, manifests } = rulesOf(plan);
  const listed = manifests.length === 0 ? undefined : new ListedKeys();
  try {
    await listed?.fill(manifests);
  } catch (error) {
    listed?.close();
    throw error;
  }
  return new PlanRouter(rules, listed);
}

/** Whether a rule selects a key; `manifests` are the ones that list it. */
type Test = (key: string, manifests: ReadonlySet<number>) => boolean;

interface SourceRules {
  readonly number: number;
  /** In the order in which they are tried. */
  readonly rules: { readonly route: Exclude<Route, { to: 'unassigned' }>; readonly test: Test }[];
  /** Manifests of partitions: the keys that must be moved whether a listing shows them or not. */
  readonly wanted: Set<number>;
  hasManifest: boolean;
}

const UNASSIGNED: Route = Object.freeze({ to: 'unassigned' });
const NONE: ReadonlySet<number> = new Set();

class PlanRouter implements Router {
  readonly #sources: ReadonlyMap<string, SourceRules>;
  readonly #listed: ListedKeys | undefined;

  constructor(rules: ReadonlyMap<string, SourceRules>, listed: ListedKeys | undefined) {
    this.#sources = rules;
    this.#listed = listed;
  }

  route(from: string, key: string): Route {
    const source = this.#sources.get(from);
    if (source === undefined) return UNASSIGNED;
    const manifests = this.#manifestsOf(source, key);
    if (manifests.size > 0) this.#listed?.markSeen(source.number, key);
    return decide(source, key, manifests);
  }

  *unlisted(from: string): Generator<{ key: string; index: number }> {
    const source = this.#sources.get(from);
    if (source === undefined || this.#listed === undefined || source.wanted.size === 0) return;
    for (const key of this.#listed.unseen(source.number)) {
      const manifests = this.#manifestsOf(source, key);
      if (![...manifests].some((manifest) => source.wanted.has(manifest))) continue;
      const route = decide(source, key, manifests);
      if (route.to === 'partition') yield { key, index: route.index };
    }
  }

  close(): void {
    this.#listed?.close();
  }

  #manifestsOf(source: SourceRules, key: string): ReadonlySet<number> {
    return source.hasManifest && this.#listed !== undefined ? this.#listed.manifestsOf(source.number, key) : NONE;
  }
}

function decide(source: SourceRules, key: string, manifests: ReadonlySet<number>): Route {
  return source.rules.find(({ test }) => test(key, manifests))?.route ?? UNASSIGNED;
}

function rulesOf(plan: Plan) {
  const rules = new Map<string, SourceRules>();
  for (const [number, name] of sources(plan).entries()) {
    rules.set(name, { number, rules: [], wanted: new Set(), hasManifest: false });
  }
  const manifests: { source: number; manifest: number; keys: AsyncIterable<string> }[] = [];
  const add = (from: string, select: Selector, route: Exclude<Route, { to: 'unassigned' }>) => {
    const source = rules.get(from);
    if (source === undefined) return;
    if (select.by !== 'manifest') {
      source.rules.push({ route, test: testOf(select) });
      return;
    }
    const manifest = manifests.length;
    const store = plan.stores[from];
    const bucket = store?.type === 's3' ? { name: store.bucket, prefix: store.prefix } : undefined;
    manifests.push({ source: source.number, manifest, keys: readManifest({ ...select, bucket }) });
    source.hasManifest = true;
    if (route.to === 'partition') source.wanted.add(manifest);
    source.rules.push({ route, test: (_, listing) => listing.has(manifest) });
  };
  for (const [index, rule] of plan.exclude.entries())
    add(rule.from, rule.select, Object.freeze({ to: 'excluded', index }));
  for (const [index, rule] of plan.partitions.entries())
    add(rule.from, rule.select, Object.freeze({ to: 'partition', index }));
  return { rules, manifests };
}

function testOf(select: Exclude<Selector, { by: 'manifest' }>): Test {
  if (select.by === 'prefix') return (key) => key.startsWith(select.prefix);
  const pattern = compilePattern(select.pattern);
  const where = Object.entries(select.where).map(([name, values]) => [name, new Set(values)] as const);
  const { shard } = select;
  return (key) => {
    const captures = pattern.match(key);
    if (captures === undefined) return false;
    if (!where.every(([name, values]) => values.has(captures[name] ?? ''))) return false;
    return shard === undefined || inShard(captures[shard.capture] ?? '', shard);
  };
}
