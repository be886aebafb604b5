import { systemClock } from '../../base/clock.ts';
import { closeStores, openStores } from '../../engine/stores.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { scan } from '../../migration/scan.ts';
import type { Apart, Remaining, ScannedStore } from '../../migration/scan-tally.ts';
import { openRouter, sources } from '../../plan/router.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes } from '../../plan/units.ts';
import { testify } from '../access.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { type Opened, openPlan, retryPolicy, withRecord } from '../session.ts';
import { table } from '../table.ts';

export interface ScanOptions extends GlobalOptions {
  readonly all?: boolean;
}

/** How many things that remain `--json` names of each store … */
const IN_JSON = 1_000;
/** … and a terminal without `--all`. */
const SHOWN = 20;

/** `ferry scan PLAN`: what user data is still at each legacy store, and why. Changes nothing; the ledger records only the call. */
export async function scanCommand(file: string, options: ScanOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withRecord('scan', opened, io, () => scanned(opened, options, io));
}

async function scanned({ plan, stateDir }: Opened, options: ScanOptions, io: Io): Promise<Verdict> {
  const ledger = Ledger.read(stateDir);
  try {
    const retry = { ...retryPolicy(io), signal: io.stop };
    const env = io.env;
    const stores = await openStores(onlySources(plan), {
      env,
      retry,
      missingCentre: () => 'refuse',
      sweep: false,
      limits: limitsOf({ plan, stateDir }),
      signal: io.stop,
    });
    try {
      const router = await openRouter(plan);
      try {
        const print = (store: string, remaining: Remaining): void => io.print(lineOf(store, remaining));
        const listsAll = options.all === true && !io.json;
        const found = await scan({
          plan,
          stores,
          router,
          ledger,
          clock: systemClock,
          retry,
          signal: io.stop,
          most: io.json ? IN_JSON : listsAll ? 0 : SHOWN,
          ...(listsAll ? { found: print } : {}),
        });
        io.document({ plan: plan.name, stores: found });
        testify(stateDir, 'scan', JSON.stringify({ stores: found.map(counted) }), io);
        io.print(render(plan, found, listsAll));
        return found.every(({ clean }) => clean) ? 'done' : 'unresolved';
      } finally {
        router.close();
      }
    } finally {
      await closeStores(stores);
    }
  } finally {
    ledger?.close();
  }
}

/** The centres are not asked for anything: neither they nor their credentials need to be there. */
function onlySources(plan: Plan): Plan {
  const wanted = new Set(sources(plan));
  return { ...plan, stores: Object.fromEntries(Object.entries(plan.stores).filter(([name]) => wanted.has(name))) };
}

/** Counts alone: keys do not go into the evidence. */
function counted({
  name,
  objects,
  versions,
  deleteMarkers,
  uploads,
  tombstones,
  kept,
  late,
  clean,
  proven,
}: ScannedStore) {
  return { name, objects, versions, deleteMarkers, uploads, tombstones, kept, late, clean, proven };
}

function render(plan: Plan, stores: readonly ScannedStore[], listsAll: boolean): string {
  const rows = stores.map((store) => [
    store.name,
    String(store.objects),
    String(store.versions),
    String(store.uploads),
    String(store.kept),
    formatBytes(store.bytes.objects + store.bytes.versions + store.bytes.uploads + store.bytes.kept),
    String(store.late),
    String(store.tombstones),
    String(store.deleteMarkers),
    verdictOf(store),
  ]);
  const head = ['store', 'objects', 'versions', 'uploads', 'kept', 'bytes', 'late', 'tombstones', 'delete markers', ''];
  return [
    ...(listsAll ? [''] : []),
    `Plan ${plan.name}: what is still at the legacy stores; nothing is changed`,
    '',
    table(head, rows),
    ...stores.flatMap((store) => detailOf(store, listsAll)),
  ].join('\n');
}

function verdictOf({ clean, proven, objects, versions, uploads, kept }: ScannedStore): string {
  if (clean) return proven ? 'clean' : 'clean as far as this server can show';
  return objects + versions + uploads + kept === 0 ? 'not all could be seen' : 'user data is left';
}

function detailOf(store: ScannedStore, listsAll: boolean): string[] {
  const { name, unseen, excluded, unassigned, remaining, more } = store;
  const lines = [
    ...unseen.map((what) => `not seen at ${name}: ${what}`),
    ...apartLine(`excluded at ${name}`, excluded),
    ...apartLine(`unassigned at ${name}`, unassigned),
    ...unassigned.sample.map((key) => `  ${JSON.stringify(key)}`),
    ...remaining.map((one) => lineOf(name, one)),
    ...(more > 0 && !listsAll ? [`  … and ${more} more at ${name}; --all lists all`] : []),
  ];
  return lines.length === 0 ? [] : ['', ...lines];
}

function apartLine(what: string, { objects, versions, uploads, deleteMarkers, bytes }: Apart): string[] {
  if (objects + versions + uploads + deleteMarkers === 0) return [];
  const size = formatBytes(bytes.objects + bytes.versions + bytes.uploads);
  return [`${what}: ${objects} objects, ${versions} versions, ${uploads} uploads, ${size}; not counted above`];
}

function lineOf(store: string, { kind, key, version, reason, size }: Remaining): string {
  const what = [key && JSON.stringify(key), version].filter((part) => part !== undefined).join(' ');
  return `  ${store}  ${kind}  ${what}: ${reason}${size === undefined ? '' : ` (${formatBytes(size)})`}`;
}
