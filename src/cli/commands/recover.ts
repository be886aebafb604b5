import { FerryError } from '../../base/errors.ts';
import { walk } from '../../engine/evidence/bundle-population.ts';
import { type CheckedBundle, checkBundle } from '../../engine/evidence/check.ts';
import { type Recovered, recoverLedger } from '../../engine/recover.ts';
import { TOLD } from '../../engine/recover-told.ts';
import { closeStores, openStores } from '../../engine/stores.ts';
import { objectText } from '../../evidence/object-leaf.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { takeLock } from '../../ledger/lock.ts';
import { completeRecovery, recoveryDir, requireNoLedger } from '../../ledger/recovery-dir.ts';
import { RecoveryNotes } from '../../ledger/recovery-notes.ts';
import { partitionMovesHistory } from '../../migration/history.ts';
import { type Summary, summarise } from '../../migration/summary.ts';
import { openRouter } from '../../plan/router.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes } from '../../plan/units.ts';
import { recorded } from '../access.ts';
import { gatherEvidence } from '../evidence-log.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { publicKey } from '../public-key.ts';
import { callOf, contextOf, type Opened, openPlan, recordObserved, retryPolicy, routingOf } from '../session.ts';
import { renderSummary } from '../summary-text.ts';

export interface RecoverOptions extends GlobalOptions {
  readonly evidence?: string;
  readonly key?: string;
  readonly ledger?: string;
}

/** A bundle that was checked, and where it is. */
interface Bundle extends CheckedBundle {
  readonly folder: string;
}

interface Done {
  readonly recovered: Recovered;
  readonly summary: Summary;
}

/** `ferry recover PLAN`: rebuilds the ledger of a state directory that was lost. Changes no store. */
export async function recoverCommand(file: string, options: RecoverOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const { plan, stateDir } = opened;
  const bundle = await checkedBundle(plan, options);
  const started = Date.now();
  const lock = takeLock(stateDir, 'recover');
  try {
    requireNoLedger(stateDir);
    const ledger = Ledger.open(recoveryDir(stateDir));
    let done: Done;
    try {
      done = await recorded(ledger, callOf('recover', opened), io, () =>
        withStores(opened, bundle, options, ledger, io),
      );
      gatherEvidence(opened, ledger, {
        type: 'recovery',
        at: new Date().toISOString(),
        earlier: bundle && { at: bundle.head.at, root: bundle.head.root, size: bundle.head.size },
      });
    } finally {
      ledger.close();
    }
    completeRecovery(stateDir);
    return told(plan, done, bundle, (Date.now() - started) / 1000, io);
  } finally {
    lock.release();
  }
}

async function withStores(
  opened: Opened,
  bundle: Bundle | undefined,
  options: RecoverOptions,
  ledger: Ledger,
  io: Io,
): Promise<Done> {
  const { plan, stateDir } = opened;
  const stores = await openStores(plan, {
    env: io.env,
    retry: retryPolicy(io),
    // A centre without its folder is a disk that is not mounted: every copy would seem to be lost.
    missingCentre: () => 'refuse',
    sweep: false,
    limits: limitsOf({ plan, stateDir }),
    made: (made) => ledger.bind(routingOf(plan, made)),
    tried: (store) => recordObserved(ledger, store),
    signal: io.abort,
  });
  const notes = new RecoveryNotes(recoveryDir(stateDir));
  const router = await openRouter(plan);
  try {
    if (bundle !== undefined) await noteLeaves(plan, bundle, notes, io);
    const recovered = await recoverLedger({
      context: contextOf(plan, ledger, stores, io),
      ledger,
      notes,
      router,
      uuid: options.ledger ?? bundle?.head.ledger,
      retry: retryPolicy(io),
      stop: io.stop,
      tell: (what, objects) => io.log.info({ what, objects }, 'recovered'),
    });
    for (const { source, name, size } of notes.leftKept())
      io.log.warn({ store: source, name, size }, 'kept by no tombstone that was found');
    return { recovered, summary: summarise(plan, ledger) };
  } finally {
    router.close();
    notes.close();
    await closeStores(stores);
  }
}

/** @throws FerryError `usage` where it is not of this plan, or of another ledger than was named. */
async function checkedBundle(plan: Plan, options: RecoverOptions): Promise<Bundle | undefined> {
  const { evidence: folder, key, ledger } = options;
  if (folder === undefined) return undefined;
  if (key === undefined) {
    throw wrong(`--evidence ${folder}`, 'nothing says whose signature counts', 'name the public key with --key');
  }
  const bundle = await checkBundle({ folder, key: publicKey(key) });
  const { head } = bundle;
  if (head.plan.name !== plan.name)
    throw wrong(folder, `it is of plan ${head.plan.name}`, 'name the bundle of this plan');
  if (ledger !== undefined && ledger !== head.ledger) {
    throw wrong(`--ledger ${ledger}`, `the bundle is of ledger ${head.ledger}`, 'leave --ledger out, or the bundle');
  }
  return { ...bundle, folder };
}

/** Leaves of objects that neither source nor centre tells enough of. */
async function noteLeaves(plan: Plan, { folder, manifest }: Bundle, notes: RecoveryNotes, io: Io): Promise<void> {
  if (!manifest.files.some(({ name }) => name.startsWith('keys/'))) {
    io.tell(
      'the bundle has no keys in plain (--keys plain): it tells which ledger was lost, and nothing of single objects',
    );
    return;
  }
  for await (const { leaf, key } of walk(folder, manifest, ({ outcome }) => TOLD.has(outcome))) {
    if (plan.partitions.some(({ name }) => name === leaf.partition)) notes.addLeaf(leaf.source, key, objectText(leaf));
  }
}

function told(plan: Plan, { recovered, summary }: Done, bundle: Bundle | undefined, seconds: number, io: Io): Verdict {
  const { uuid, leftKept, told: counted, tombstones, proven, foreign } = recovered;
  const not = notRecovered(plan, bundle);
  io.document({
    ...summary,
    ledger: uuid,
    recovered: { tombstones, proven, foreign, ...counted, leftKept },
    notRecovered: not,
    transferred: { objects: 0, bytes: 0 },
    seconds,
  });
  io.print(renderSummary(summary, { objects: 0, bytes: 0 }, seconds));
  io.print('');
  io.print(`ledger ${uuid}: ${tombstones} tombstones found, ${proven} with a proven copy, ${foreign} of others`);
  if (bundle !== undefined)
    io.print(`from the evidence: ${counted.purged} purged, ${counted.restored} restored, ${counted.missing} missing`);
  if (leftKept.objects > 0)
    io.print(
      `at sources ${leftKept.objects} kept files or objects (${formatBytes(leftKept.bytes)}) belong to no tombstone that was found: \`ferry scan\` lists them; look before you remove them`,
    );
  for (const line of not) io.print(`not recovered: ${line}`);
  const isOpen = summary.unresolved.length > 0 || leftKept.objects > 0;
  return isOpen ? 'unresolved' : 'done';
}

/** What no store tells. */
function notRecovered(plan: Plan, bundle: Bundle | undefined): string[] {
  const lines = ['the access record and the log of evidence from before: keep the bundles that were exported'];
  if (plan.tombstone.approvals > 0)
    lines.push('sealed plans and approvals: seal and approve again before the next run');
  if (bundle === undefined)
    lines.push('what was restored or purged before: without a bundle (--evidence) a restored object is planned anew');
  const whole = plan.partitions.filter(({ name }) => partitionMovesHistory(plan, name)).map(({ name }) => name);
  if (whole.length > 0) lines.push(`histories (versions: all): tombstones of ${whole.join(', ')} are left alone`);
  return lines;
}

function wrong(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'recover the ledger', subject, why, hint });
}
