import { sha256Hex } from '../base/digest.ts';
import { Ledger } from '../ledger/ledger.ts';
import { looksLikeMarker } from '../migration/marker.ts';
import { named, outsideOf, type Stage } from './stage.ts';

/** About so many objects are looked at in each moment. */
const LOOKED_AT = 120;

/** How many were compared at moments when a run had just been killed. */
export interface Moments {
  moments: number;
  objects: number;
  rows: number;
}

/**
 * Looks at the stores and the ledger right after a run was killed: each object is whole at its source or at its centre (rule 1), what
 * the ledger says of a copy is true, and behind each tombstone there is an entry that was there first (rule 3).
 */
export async function lookAtMoment(stage: Stage, moments: Moments): Promise<void> {
  moments.moments += 1;
  const ledger = Ledger.read(stage.stateDir);
  try {
    await stage.checks.timed('rule-1', () => lookAtObjects(stage, ledger, moments));
    if (ledger !== undefined) await stage.checks.timed('rule-3', () => lookAtRows(stage, ledger, moments));
  } finally {
    ledger?.close();
  }
}

async function lookAtObjects(stage: Stage, ledger: Ledger | undefined, moments: Moments): Promise<void> {
  const { log, checks } = stage;
  const stride = Math.max(1, Math.floor(log.count('planned') / LOOKED_AT));
  let n = moments.moments;
  for (const { store, key, centre, sha256, planted, touched } of log.objects()) {
    n += 1;
    if (centre === undefined || touched || n % stride !== 0) continue;
    moments.objects += 1;
    const here = await outsideOf(stage, store).get(key);
    if (here !== undefined && sha256Hex(here.bytes) === sha256) continue;
    const there = await outsideOf(stage, centre).get(key);
    if (planted !== undefined || there === undefined || sha256Hex(there.bytes) !== sha256) {
      checks.problem(
        'rule-1',
        `${named(store, key)}: after kill ${moments.moments} it is whole neither there nor at ${centre}`,
      );
    }
    const row = ledger?.queries.byKey(store, key);
    if (here !== undefined && looksLikeMarker(here.bytes) && row?.state !== 'tombstoned' && row?.intent === undefined) {
      const state = row === undefined ? 'does not have it' : `says ${row.state}, with no tombstone begun`;
      checks.problem(
        'rule-3',
        `${named(store, key)}: after kill ${moments.moments} it has a tombstone and the ledger ${state}`,
      );
    }
  }
}

/** What the ledger says was copied is there. */
async function lookAtRows(stage: Stage, ledger: Ledger, moments: Moments): Promise<void> {
  for (const state of ['copied', 'verified', 'tombstoned'] as const) {
    for (const { key, partition, sha256 } of ledger.queries.next(state, 0, LOOKED_AT)) {
      const { from = '', to: centre } = stage.plan.partitions.find(({ name }) => name === partition) ?? {};
      if (centre === undefined || sha256 === undefined) continue;
      moments.rows += 1;
      const there = await outsideOf(stage, centre).get(key);
      if (there !== undefined && sha256Hex(there.bytes) === sha256) continue;
      stage.checks.problem(
        'rule-3',
        `${named(from, key)}: after kill ${moments.moments} the ledger says ${state}, and ${centre} does not have these bytes`,
      );
    }
  }
}
