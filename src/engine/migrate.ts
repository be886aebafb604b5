import { FerryError } from '../base/errors.ts';
import type { RetryPolicy } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isUnresolved, type State, UNRESOLVED } from '../ledger/lifecycle.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { requireApart } from '../migration/apart.ts';
import { abortUploads } from '../migration/cleanup.ts';
import type { StepContext } from '../migration/context.ts';
import { copy } from '../migration/copy.ts';
import { takeInventory } from '../migration/inventory.ts';
import { requireKeep } from '../migration/keep.ts';
import { dropOld, leaves } from '../migration/keeping.ts';
import { withKeyGuard } from '../migration/key-guard.ts';
import { requireCapabilities } from '../migration/required.ts';
import { begunTombstone, settle, tombstone, tombstoneIntent } from '../migration/tombstone.ts';
import { verify } from '../migration/verify.ts';
import { requireVersions } from '../migration/version-findings.ts';
import { type Router, sources } from '../plan/router.ts';
import type { Finish } from '../plan/types.ts';
import type { SealedInventory } from '../policy/sealed-plan.ts';
import type { Authority } from './authority.ts';
import type { Listener } from './events.ts';
import { takeBackLate } from './late-writes.ts';
import type { LiveLimits } from './limits.ts';
import { asFault, drive, type Moved, type Step } from './local.ts';

export interface MigrateWork {
  readonly context: StepContext;
  readonly ledger: Ledger;
  readonly router: Router;
  readonly until: Finish;
  /** Names; `undefined` for all. */
  readonly partitions: ReadonlySet<string> | undefined;
  /** The sealed plan and the approvals that the run is under; left out: none. */
  readonly authority?: Authority | undefined;
  /** Whether sources whose listing is complete are listed again, for what was written since; they are where left out. */
  readonly lists?: boolean;
  readonly retry: RetryPolicy;
  readonly listener: Listener;
  readonly stop: AbortSignal;
  /** The limits that hold, where they may change meanwhile. */
  readonly limits?: LiveLimits | undefined;
  /** How long after the last tombstone programs are given to end what they had begun, in milliseconds; a second where left out. */
  readonly lateMs?: number;
  /** Who takes the objects of these states to `until`, where that is not this process; left out, it is. */
  readonly drives?: ((context: StepContext, states: readonly State[]) => Promise<Moved>) | undefined;
}

/**
 * Takes every object to where the plan wants it. A listing that was cut off goes on; work that was cut off is finished before
 * anything is listed again; and a listing that is whole and of this call ends every call, so that late writers are found, unless the
 * work says that nothing is listed again.
 *
 * @throws FerryError as `drive` does, and `refused` when objects are unassigned or a store lacks what safety needs.
 */
export async function migrate(work: MigrateWork): Promise<Moved> {
  try {
    return await migrateAll(work);
  } catch (error) {
    throw asFault(error, work.stop);
  }
}

async function migrateAll(asked: MigrateWork): Promise<Moved> {
  let fresh = false;
  const listener: Listener = (event) => {
    fresh ||= event.type === 'moved' && event.to === 'tombstoned';
    asked.listener(event);
  };
  const moved: Moved = { objects: 0, bytes: 0 };
  let work: MigrateWork = { ...asked, listener };
  requireVersions(work.context.plan, work.context.stores);
  if (work.until === 'tombstoned') await requireKeep(work.context.plan, work.context.stores, work.context.signal);
  const { authority } = work;
  // What was sealed is compared with a listing of its own: an earlier one may be older than the seal.
  const uncompared = authority?.uncompared === true;
  if (uncompared && work.lists === false) refuseUnlisted();
  const resumed = sources(work.context.plan).filter((name) => uncompared || !isListed(work, name));
  // A listing that goes on where an earlier call was cut off has not seen what was written before that place since.
  const whole = resumed.filter(
    (name) => isListed(work, name) || work.ledger.inventory.state(name)?.after === undefined,
  );
  for (const name of resumed) await list(work, name);
  refuseUnassigned(work);
  authority?.compare(inventoriesOf(work));
  const withoutCas = await requireCapabilities(work.context, work.ledger, work.until);
  work = { ...work, context: { ...work.context, withoutCas } };
  if (work.until === 'tombstoned') await requireApart(work.context, work.ledger);
  const begun: State[] = work.ledger.queries.anyLeaving() ? ['tombstoned'] : [];
  add(moved, await driveAll(work, [...begun, ...UNRESOLVED, 'verified', 'copied', 'planned']));
  await abortUploads(work.context, work.ledger, ['planned', 'failed']);
  const late = work.lists === false ? [] : sources(work.context.plan).filter((name) => !whole.includes(name));
  if (late.length > 0) {
    for (const name of late) await list(work, name);
    refuseUnassigned(work);
    add(moved, await driveAll(work, ['planned']));
  }
  await takeBackLate(work, fresh);
  return moved;
}

function refuseUnlisted(): never {
  throw new FerryError({
    fault: 'usage',
    op: 'run the plan',
    subject: '--no-list',
    why: 'the sources have not been compared with the sealed plan yet, which takes a listing',
    hint: 'leave --no-list out this time',
  });
}

function isListed(work: MigrateWork, source: string): boolean {
  return work.ledger.inventory.state(source)?.complete === true;
}

async function list(work: MigrateWork, name: string): Promise<void> {
  const { context, ledger, router, listener, stop } = work;
  const source = context.stores.get(name);
  if (source === undefined) throw new Error(`the plan has no store ${name}`);
  const signal = AbortSignal.any([context.signal, stop]);
  await takeInventory({ plan: context.plan, ledger, router, signal }, source, (entries) =>
    listener({ type: 'listing', source: name, entries }),
  );
  listener({ type: 'listed', source: name });
}

function inventoriesOf({ context, ledger }: MigrateWork): SealedInventory[] {
  return sources(context.plan).map((source) => {
    const state = ledger.inventory.state(source);
    if (state === undefined) throw new Error(`the ledger has no inventory of ${source}`);
    return { source, digest: state.chain, ...state.listed };
  });
}

/** Objects that no rule of the plan names stop the run before a byte moves: forgotten user data is what this tool must not leave. */
function refuseUnassigned(work: MigrateWork): void {
  const { plan } = work.context;
  if (plan.unassigned === 'allow') return;
  for (const name of sources(plan)) {
    const unassigned = work.ledger.inventory.state(name)?.unassigned;
    if (unassigned === undefined || unassigned.objects === 0) continue;
    work.ledger.inventory.reopen(name);
    throw new FerryError({
      fault: 'refused',
      op: 'run the plan',
      subject: name,
      why: `${unassigned.objects} objects are in no partition and no exclude, among them ${unassigned.sample
        .slice(0, 3)
        .map((key) => JSON.stringify(key))
        .join(', ')}`,
      hint: 'add a partition or an exclude for them (`ferry plan` lists more), or say `unassigned: allow`',
    });
  }
}

async function driveAll(work: MigrateWork, states: readonly State[]): Promise<Moved> {
  const { ledger, partitions, retry, listener, stop, until, limits } = work;
  const context = await withKeyGuard(work.context, ledger);
  if (work.drives !== undefined) return await work.drives(context, states);
  return await drive({
    ledger,
    states,
    wanted: (row) => partitions === undefined || partitions.has(row.partition),
    next: nextStep(context, until, work.authority),
    begunOnly: doneAt(until),
    concurrency: limits?.now.concurrency.value ?? context.plan.limits.concurrency,
    widths: limits && ((changed) => limits.onChange(({ concurrency }) => changed(concurrency.value))),
    retry,
    listener,
    stop,
  });
}

/** States in which an object is done, but for what was begun and cut off. */
export function doneAt(until: Finish): readonly State[] {
  if (until === 'copied') return ['copied', 'verified'];
  return until === 'verified' ? ['verified'] : [];
}

/** Which step an object takes next on its way to `until`. */
function nextStep(
  context: StepContext,
  until: Finish,
  authority: Authority | undefined,
): (row: ObjectRow) => Step | undefined {
  const copying: Step = { name: 'copy', take: (row) => copy(context, row) };
  const verifying: Step = { name: 'verify', take: (row) => verify(context, row), proves: true };
  const emptying: Step = {
    name: 'tombstone',
    intent: async (row) => {
      authority?.permit();
      return await tombstoneIntent(context, row);
    },
    take: (row) => tombstone(context, row),
  };
  const settling: Step = { name: 'tombstone', take: (row) => settle(context, row) };
  const dropping: Step = { name: 'drop', take: (row) => dropOld(context, row) };
  return (row) => {
    const { state } = row;
    if (leaves(row)) return dropping;
    if ((state === 'verified' || isUnresolved(state)) && begunTombstone(row) !== undefined) return settling;
    if (state === 'planned' || isUnresolved(state)) return copying;
    if (state === 'copied' && until !== 'copied') return verifying;
    if (state === 'verified' && until === 'tombstoned') return emptying;
    return undefined;
  };
}

function add(sum: Moved, more: Moved): void {
  sum.objects += more.objects;
  sum.bytes += more.bytes;
}
