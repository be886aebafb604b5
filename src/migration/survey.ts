import type { Ledger } from '../ledger/ledger.ts';
import { type Router, sources } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';
import type { KeyHistory } from '../store/versions.ts';
import { CentreCursor } from './centre-cursor.ts';
import { chainStart } from './chain.ts';
import { canLose, mayCarry } from './fidelity.ts';
import { partitionMovesHistory } from './history.ts';
import { historyIn, judgeHistory } from './history-standing.ts';
import { Counter } from './inventory.ts';
import { aliasesOf, ancestorsOf, type ByHazard, HAZARD_NAMES, type HazardRule, KeyHazards } from './key-hazards.ts';
import { listRouted } from './listing.ts';
import { countSize, noSizes, type SizeCounts } from './size-buckets.ts';
import { judge, type Standing } from './standing.ts';
import { countLosses, type LossCount, type LossQuestion } from './survey-losses.ts';

/** What a dry run found in one partition. Bytes are of the source objects. */
export interface PartitionSurvey {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  objects: number;
  bytes: number;
  /** Whose bytes the centre has already. */
  alreadyThere: number;
  /** Where the centre holds other bytes under the key, or the source cannot be read as an object. */
  conflicts: number;
  /** Markers of an earlier run, not counted as objects. */
  tombstones: number;
  readonly conflictSample: string[];
  /** Objects by their size. */
  readonly sizes: SizeCounts;
  /** Objects that would lose an attribute at the centre, by its name; whether the plan accepts it or not. */
  readonly losses: LossCount;
  /** Objects with retention or legal hold, which the plan leaves where they are (`objectLock: refuse`). */
  held: number;
  /** What histories hold that move whole: versions and delete markers of all keys, and their bytes. All zero where none does. */
  readonly history: { versions: number; deleteMarkers: number; bytes: number };
  /** Keys that not every store keeps apart from others, and one of each. */
  readonly hazards: ByHazard<number>;
  readonly hazardSample: Partial<ByHazard<string>>;
}

export interface Survey {
  readonly partitions: readonly PartitionSurvey[];
  readonly unassigned: { objects: number; bytes: number; sample: string[] };
  readonly excluded: { objects: number; bytes: number };
  /** Everything that each source lists, whatever the plan does with it. */
  readonly inventories: { source: string; digest: string; objects: number; bytes: number }[];
  /** Bytes and objects that a run would send. */
  readonly toMove: { objects: number; bytes: number };
}

export interface SurveyWork {
  readonly plan: Plan;
  readonly stores: ReadonlyMap<string, Store>;
  readonly router: Router;
  /** What earlier runs know; spares reading what they verified. */
  readonly ledger: Ledger | undefined;
  readonly signal: AbortSignal;
}

const SAMPLE = 20;

/**
 * A dry run: lists every source and what the centres hold, and compares. Writes to no store and to no ledger. Objects whose key
 * and size the centre has already are compared by digest, read where no store tells one.
 *
 * @param seen called after each page with the number of entries so far.
 */
export async function survey(work: SurveyWork, seen: (entries: number) => void = () => undefined): Promise<Survey> {
  const result: Survey = {
    partitions: work.plan.partitions.map(({ name, from, to }) => ({
      name,
      from,
      to,
      objects: 0,
      bytes: 0,
      alreadyThere: 0,
      conflicts: 0,
      tombstones: 0,
      conflictSample: [],
      sizes: noSizes(),
      losses: {},
      held: 0,
      history: { versions: 0, deleteMarkers: 0, bytes: 0 },
      hazards: { keyUnderKey: 0, leadingSlash: 0, emptySegment: 0, dotSegment: 0 },
      hazardSample: {},
    })),
    unassigned: { objects: 0, bytes: 0, sample: [] },
    excluded: { objects: 0, bytes: 0 },
    inventories: [],
    toMove: { objects: 0, bytes: 0 },
  };
  let entries = 0;
  for (const name of sources(work.plan)) {
    const before = entries;
    await surveySource(work, name, result, (count) => {
      entries = before + count;
      seen(entries);
    });
  }
  return result;
}

async function surveySource(
  work: SurveyWork,
  name: string,
  result: Survey,
  seen: (entries: number) => void,
): Promise<void> {
  const { plan, router, signal } = work;
  const source = storeOf(work, name);
  const nothing = { objects: 0, bytes: 0 };
  const counter = new Counter(plan, {
    chain: chainStart(name),
    listed: nothing,
    excluded: nothing,
    unassigned: { ...nothing, sample: [] },
  });
  const cursors = new Map<string, CentreCursor>();
  const hazards = new Map<string, KeyHazards>();
  let entries = 0;
  try {
    for await (const page of listRouted(plan, source, router, { signal })) {
      counter.page(page);
      const questions: LossQuestion[] = [];
      for (const { entry, route } of page.items) {
        const partition = route.to === 'partition' ? result.partitions[route.index] : undefined;
        const spec = route.to === 'partition' ? plan.partitions[route.index] : undefined;
        if (partition === undefined || spec === undefined) continue;
        const cursor = cursors.get(partition.to) ?? new CentreCursor(storeOf(work, partition.to), signal);
        cursors.set(partition.to, cursor);
        const centre = storeOf(work, partition.to);
        const history = partitionMovesHistory(plan, partition.name) ? historyIn(entry) : undefined;
        const standing =
          history === undefined
            ? await judge(work, source, centre, entry, await cursor.find(entry.key))
            : await judgeHistory(work, source, centre, history);
        count(result, partition, entry.key, history?.bytes ?? entry.size, entry.size, standing);
        if (history !== undefined && standing !== 'tombstone') addHistory(partition, history);
        const moves = standing === 'absent' || standing === 'there';
        const asks = canLose(source, centre) || (spec.objectLock === 'refuse' && mayCarry(source, 'objectLock'));
        if (moves && asks) questions.push({ key: entry.key, centre, partition: spec, into: partition });
        // Keys that only a manifest knows come after the listing and in an order of their own.
        const rules =
          page.after === undefined
            ? await hazardsOfUnlisted(work, source, partition.to, entry.key)
            : hazardsOfListed(hazards, partition.to, entry.key);
        if (standing !== 'tombstone') countHazards(partition, entry.key, rules);
      }
      await countLosses(source, questions, plan.limits.concurrency, signal);
      entries += page.items.length;
      seen(entries);
      signal.throwIfAborted();
    }
  } finally {
    for (const cursor of cursors.values()) await cursor.close();
  }
  const { coverage, chain } = counter;
  add(result.unassigned, coverage.unassigned);
  result.unassigned.sample.push(...coverage.unassigned.sample.slice(0, SAMPLE - result.unassigned.sample.length));
  add(result.excluded, coverage.excluded);
  result.inventories.push({ source: name, digest: chain, ...counter.listed });
}

function hazardsOfListed(seen: Map<string, KeyHazards>, centre: string, key: string): HazardRule[] {
  const hazards = seen.get(centre) ?? new KeyHazards();
  seen.set(centre, hazards);
  return hazards.next(key).map(({ rule }) => rule);
}

async function hazardsOfUnlisted(work: SurveyWork, source: Store, centre: string, key: string): Promise<HazardRule[]> {
  const rules: HazardRule[] = aliasesOf(key).map(({ rule }) => rule);
  for (const other of ancestorsOf(key)) {
    const route = work.router.route(source.name, other);
    if (route.to !== 'partition' || work.plan.partitions[route.index]?.to !== centre) continue;
    if ((await source.head(other, { signal: work.signal })) !== undefined) return [...rules, 'key-under-key'];
  }
  return rules;
}

function countHazards({ hazards, hazardSample }: PartitionSurvey, key: string, rules: readonly HazardRule[]): void {
  for (const rule of rules) {
    const name = HAZARD_NAMES[rule];
    hazards[name] += 1;
    hazardSample[name] ??= key;
  }
}

function addHistory({ history }: PartitionSurvey, { versions, markers, bytes }: KeyHistory): void {
  history.versions += versions;
  history.deleteMarkers += markers;
  history.bytes += bytes;
}

/** @param toMove bytes that a run would send: more than the object's own where its history moves along. */
function count(
  result: Survey,
  partition: PartitionSurvey,
  key: string,
  toMove: number,
  size: number,
  standing: Standing,
): void {
  if (standing === 'tombstone') {
    partition.tombstones += 1;
    return;
  }
  partition.objects += 1;
  partition.bytes += size;
  countSize(partition.sizes, size);
  if (standing === 'there') partition.alreadyThere += 1;
  if (standing === 'absent') add(result.toMove, { objects: 1, bytes: toMove });
  if (standing !== 'conflict') return;
  partition.conflicts += 1;
  if (partition.conflictSample.length < SAMPLE) partition.conflictSample.push(key);
}

function add(
  sum: { objects: number; bytes: number },
  more: { readonly objects: number; readonly bytes: number },
): void {
  sum.objects += more.objects;
  sum.bytes += more.bytes;
}

function storeOf(work: SurveyWork, name: string): Store {
  const store = work.stores.get(name);
  if (store === undefined) throw new Error(`the plan has no store ${name}`);
  return store;
}
