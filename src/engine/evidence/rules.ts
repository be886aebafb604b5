import { createHash } from 'node:crypto';
import type { Ed25519PublicKey } from '../../base/ed25519.ts';
import { readAudit } from '../../evidence/audit-statement.ts';
import type { Head } from '../../evidence/head.ts';
import type { Leaf, LeafOf, OtherLeaf } from '../../evidence/leaf.ts';
import { type ObjectLeaf, OUTCOMES, type OutcomeName } from '../../evidence/object-leaf.ts';
import { mayMove, STATES, type State } from '../../ledger/lifecycle.ts';
import { ApprovedTimes } from './approved-times.ts';
import { allows, type JudgedPlan, judgePlan } from './judged-plan.ts';
import { type Remembered, StandingBook } from './standing-book.ts';

type Outcomes = Record<OutcomeName, number>;

/** What was counted from the leaves. */
export interface Counted {
  /** Objects by their newest outcome. */
  readonly outcomes: Readonly<Outcomes>;
  /** Objects that the newest tally has as only planned. */
  readonly planned: number;
  /** Calls of ferry that the access record has. */
  readonly calls: number;
  readonly scans: number;
  readonly audits: number;
  /** Leaves of objects whose tombstone is older than the log, which a recovery began anew: how it came about is in the log before. */
  readonly recovered: number;
}

/**
 * What must hold of the leaves, one after another: not only that nobody changed them (docs/evidence.md lists the rules). `take` throws
 * an Error that says what is wrong with the leaf that it was given; `end` says what is wrong with all of them together.
 */
export class Rules {
  readonly #head: Head;
  readonly #auditors: readonly Ed25519PublicKey[];
  readonly #standing: StandingBook;
  readonly #plans: JudgedPlan[] = [];
  readonly #approved = new ApprovedTimes();
  readonly #routes = new Set<string>();
  readonly #counts = new Map<string, Outcomes>();
  readonly #objects = createHash('sha256');
  readonly #open = new Set<number>();
  /** Whether a plan goes up to tombstones, and whether all ask for approvals. */
  #mayEmpty = false;
  #asksAll = true;
  /** That of the leaf before. */
  #route = { partition: '', from: '', to: '' };
  #next = 0;
  #leaves = 0;
  #calls = 0;
  #scans = 0;
  #audits = 0;
  #tally: LeafOf<'tally'> | undefined;
  #recoveredAt: string | undefined;
  #recovered = 0;

  /** @param auditors keys of theirs; without any, their signatures are not judged. */
  constructor(head: Head, auditors: readonly Ed25519PublicKey[] = []) {
    this.#head = head;
    this.#auditors = auditors;
    this.#standing = new StandingBook(head.size, head.root);
  }

  /** The next leaf. @throws Error that says what is wrong with it. */
  take(leaf: Leaf): void {
    const at = this.#next;
    this.#next += 1;
    if (leaf.type !== 'object') {
      this.#other(leaf);
      return;
    }
    this.#object(leaf, at);
    this.#leaves += 1;
  }

  /** The hashes of leaves of objects that were taken, one after another, 32 bytes each. */
  digests(hashes: Uint8Array): void {
    this.#objects.update(hashes);
  }

  /** @throws Error that says what does not add up. */
  end(): Counted {
    const { plan, objects, size } = this.#head;
    const last = this.#plans.at(-1);
    if (size > 0 && (last?.digest !== plan.digest || last.plan.name !== plan.name))
      throw new Error('the plan of the head is not the one that the leaves tell last');
    if (this.#objects.digest('hex') !== objects.digest || this.#leaves !== objects.leaves)
      throw new Error('the leaves of objects are not those that the head counts');
    if (this.#leaves > 0 && this.#tally === undefined) throw new Error('no leaf counts the objects');
    if (this.#standing.twins()) throw new Error('two leaves are each the first of one object');
    const planned = this.#tally?.planned ?? 0;
    const [calls, scans, audits, recovered] = [this.#calls, this.#scans, this.#audits, this.#recovered];
    return { outcomes: this.#sum(), planned, calls, scans, audits, recovered };
  }

  #object(leaf: ObjectLeaf, at: number): void {
    this.#checkRoute(leaf);
    const [isOld, isOldPurge] = [this.#isOlder(leaf.tombstone?.at), this.#isOlder(leaf.purge?.at)];
    if (isOld) this.#recovered += 1;
    checkProof(leaf, isOld, isOldPurge);
    const whose = this.#standing.whose(leaf);
    const bytes = leaf.sha256 === undefined ? -1 : Number.parseInt(leaf.sha256.slice(0, 13), 16);
    const before = leaf.was === undefined ? undefined : this.#replaced(leaf.was);
    if (before !== undefined) checkSuccession(leaf, before, whose, bytes);
    if (leaf.tombstone !== undefined && before?.tombstoned !== true && !isOld)
      this.#approve('tombstone', leaf.tombstone.at);
    if (leaf.purge !== undefined && before?.purged !== true && !isOldPurge) this.#approve('purge', leaf.purge.at);
    this.#standing.put(at, leaf, whose, bytes);
    this.#of(leaf.partition)[leaf.outcome] += 1;
  }

  /** Whether it came about before the log that a recovery began. */
  #isOlder(time: string | undefined): boolean {
    return time !== undefined && this.#recoveredAt !== undefined && time < this.#recoveredAt;
  }

  #checkRoute({ partition, source, centre }: ObjectLeaf): void {
    const { partition: name, from, to } = this.#route;
    // Leaves of one partition mostly follow each other.
    if (partition === name && source === from && centre === to) return;
    if (!this.#routes.has(`${partition}\n${source}\n${centre}`))
      throw new Error(`no plan before it moves ${partition} from ${source} to ${centre}`);
    this.#route = { partition, from: source, to: centre };
  }

  #replaced(was: number): Remembered {
    const before = this.#standing.take(was);
    if (before === undefined) throw new Error(`leaf ${was}, which it follows, is not the newest of an object`);
    this.#of(before.partition)[before.outcome] -= 1;
    return before;
  }

  #approve(what: 'tombstone' | 'purge', at: string): void {
    if (what === 'tombstone' && !this.#mayEmpty) throw new Error('no plan before it goes up to tombstones');
    if (!this.#asksAll) return;
    const plans = this.#plans.map(({ plan }) => plan);
    const lacking = this.#approved.lacking(plans, what, at);
    if (lacking !== undefined) throw new Error(`its ${what} was not approved: ${lacking}`);
  }

  #other(leaf: OtherLeaf): void {
    // What was listed, observed and probed stands for itself.
    if (leaf.type === 'plan') this.#plan(leaf);
    else if (leaf.type === 'seal') this.#approved.seal(leaf);
    else if (leaf.type === 'approval') this.#approved.approval(leaf);
    else if (leaf.type === 'access') this.#access(leaf);
    else if (leaf.type === 'egress') this.#egress(leaf);
    else if (leaf.type === 'dropped') this.#drop(leaf.was);
    else if (leaf.type === 'tally') this.#compare(leaf);
    else if (leaf.type === 'scan') this.#scans += 1;
    else if (leaf.type === 'audit') this.#audit(leaf);
    else if (leaf.type === 'recovery') this.#recovery(leaf);
  }

  /** At any other place it would excuse what this log itself has to prove. */
  #recovery({ at }: LeafOf<'recovery'>): void {
    if (this.#next !== 1) throw new Error('a recovery is told that does not begin the log');
    this.#recoveredAt = at;
  }

  #audit({ envelope }: LeafOf<'audit'>): void {
    const { ledger } = readAudit(envelope, this.#auditors);
    if (ledger !== this.#head.ledger) throw new Error('it is of another ledger');
    this.#audits += 1;
  }

  #plan(leaf: LeafOf<'plan'>): void {
    const judged = judgePlan(leaf, this.#head.at.slice(0, 10));
    this.#plans.push(judged);
    this.#mayEmpty ||= judged.plan.finish === 'tombstoned';
    this.#asksAll &&= judged.plan.tombstone.approvals > 0;
    for (const { name, from, to } of judged.plan.partitions) this.#routes.add(`${name}\n${from}\n${to}`);
  }

  #access(leaf: LeafOf<'access'>): void {
    if (leaf.event === 'begin') {
      this.#calls += 1;
      if (leaf.invocation !== this.#calls) throw new Error(`call ${this.#calls} is missing from the access record`);
      this.#open.add(leaf.invocation);
      if (leaf.operator !== undefined) this.#approved.operator(leaf.operator);
    } else if (!this.#open.delete(leaf.invocation)) {
      throw new Error(`it ends call ${leaf.invocation}, which has not begun or has ended`);
    }
  }

  #egress({ reached }: LeafOf<'egress'>): void {
    for (const { store, host, port } of reached) {
      if (this.#plans.some((plan) => allows(plan, store, host, port))) continue;
      throw new Error(`${host}, port ${port}, was reached for ${store ?? 'credentials'}, and no plan names it`);
    }
  }

  #drop(was: number): void {
    const before = this.#replaced(was);
    if (before.tombstoned || before.bytes !== -1) throw new Error(`leaf ${was} is of an object that was copied`);
  }

  #compare(leaf: LeafOf<'tally'>): void {
    this.#tally = leaf;
    let objects = leaf.planned;
    for (const name of new Set([...this.#counts.keys(), ...leaf.partitions.map((one) => one.name)])) {
      const told = leaf.partitions.find((one) => one.name === name);
      for (const outcome of OUTCOMES) {
        const counted = this.#counts.get(name)?.[outcome] ?? 0;
        objects += counted;
        if ((told?.outcomes[outcome] ?? 0) !== counted)
          throw new Error(`${name} has ${told?.outcomes[outcome] ?? 0} ${outcome}, the leaves before it ${counted}`);
      }
    }
    if (objects !== leaf.partitions.reduce((sum, one) => sum + one.objects, 0))
      throw new Error('planned objects and outcomes do not add up to all objects');
  }

  #of(partition: string): Outcomes {
    const known = this.#counts.get(partition) ?? noOutcomes();
    this.#counts.set(partition, known);
    return known;
  }

  #sum(): Outcomes {
    const sum = noOutcomes();
    for (const counts of this.#counts.values()) for (const outcome of OUTCOMES) sum[outcome] += counts[outcome];
    return sum;
  }
}

function noOutcomes(): Outcomes {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Outcomes;
}

const COPIED: ReadonlySet<string> = new Set(['copied', 'verified', 'tombstoned', 'purged', 'restored']);
const PROVEN: ReadonlySet<string> = new Set(['verified', 'tombstoned', 'purged', 'restored']);
const EMPTIED: ReadonlySet<string> = new Set(['tombstoned', 'purged', 'restored']);

/**
 * What a leaf must prove by itself. Times of this form compare as text.
 *
 * @param isOld its tombstone is older than a log that was begun anew: the verification before it is in the log before, and the copy was
 * proven again by the recovery. So `isOldPurge` of its purge.
 */
function checkProof(leaf: ObjectLeaf, isOld: boolean, isOldPurge: boolean): void {
  const { outcome, verified, tombstone, purge } = leaf;
  if (COPIED.has(outcome) && leaf.sha256 === undefined && leaf.history === undefined)
    throw new Error(`it is ${outcome} without a digest of what was copied`);
  const isGivenBack = isOld && outcome === 'restored';
  if (PROVEN.has(outcome) && verified === undefined && !isGivenBack)
    throw new Error(`it is ${outcome} and no copy was verified`);
  if (EMPTIED.has(outcome) && tombstone === undefined) throw new Error(`it is ${outcome} and has no tombstone`);
  if (tombstone !== undefined) {
    if (!isOld && (verified === undefined || verified.at > tombstone.at))
      throw new Error('its tombstone is older than the verification of the copy');
    if (tombstone.holdUntil < tombstone.at) throw new Error('its hold ended before the tombstone was made');
  }
  if (outcome === 'purged' && purge === undefined) throw new Error('it is purged and nothing tells when');
  if (purge !== undefined && (tombstone === undefined || purge.at < tombstone.holdUntil))
    throw new Error('it was purged before its hold ended');
  if (isOld && purge !== undefined && !isOldPurge && (verified === undefined || verified.at > purge.at))
    throw new Error('its purge is older than the verification of the copy');
}

/** Whether one state can follow another, over whatever lies between. */
const FOLLOWS: ReadonlySet<string> = new Set(
  STATES.flatMap((from) => {
    const reached = new Set<State>([from]);
    for (const state of reached) for (const to of STATES) if (mayMove(state, to)) reached.add(to);
    return [...reached].map((to) => `${from} ${to}`);
  }),
);

function checkSuccession(leaf: ObjectLeaf, before: Remembered, whose: number, bytes: number): void {
  if (before.whose !== whose) throw new Error(`leaf ${leaf.was}, which it follows, is of another object`);
  if (!FOLLOWS.has(`${before.outcome} ${leaf.outcome}`))
    throw new Error(`${before.outcome} cannot become ${leaf.outcome}`);
  if (EMPTIED.has(leaf.outcome) && before.tombstoned && before.bytes !== bytes)
    throw new Error('its digest is not the one that was verified before the tombstone');
}
