import { sha256Hex } from '../base/digest.ts';
import { looksLikeMarker } from '../migration/marker.ts';
import type { Found } from './outside.ts';
import type { LateWrite, LoggedObject } from './population-log.ts';
import { named, outsideOf, type Stage } from './stage.ts';

const AT_ONCE = 8;

/** What was compared. */
export interface Compared {
  objects: number;
  excluded: number;
  tombstones: number;
  late: number;
}

/** Compares all stores with the population's log, object by object. `purged`: whether tombstones may be gone with what they hid. */
export async function compareAll(stage: Stage, purged: boolean): Promise<Compared> {
  const compared: Compared = { objects: 0, excluded: 0, tombstones: 0, late: 0 };
  const objects = stage.log.objects();
  const lane = async (): Promise<void> => {
    for (const object of objects) {
      stage.signal.throwIfAborted();
      await compareOne(stage, object, purged, compared);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return compared;
}

async function compareOne(
  stage: Stage,
  object: LoggedObject & { readonly id: number },
  purged: boolean,
  compared: Compared,
): Promise<void> {
  const { checks, plan } = stage;
  const { store, key, centre, sha256 } = object;
  const name = named(store, key);
  const here = seen(await outsideOf(stage, store).get(key));
  if (centre === undefined) {
    compared.excluded += 1;
    if (here.sha256 !== sha256) checks.problem('excluded', `${name}: it is excluded, and there is ${say(here)}`);
    return;
  }
  compared.objects += 1;
  if (here.marker) compared.tombstones += 1;
  const there = seen(await outsideOf(stage, centre).get(key));
  if (object.touched) {
    const late = stage.log.lateWrites(object.id);
    if (late.length > 0) {
      compared.late += 1;
      compareLate(stage, name, centre, { here, there, sha256, late, purged });
      return;
    }
  }
  if (object.planted !== undefined) {
    if (there.sha256 !== object.planted)
      checks.problem('rule-4', `${name}: ${centre} held other bytes before, now ${say(there)}`);
    if (here.sha256 !== sha256) checks.problem('rule-1', `${name}: it has no copy, and at its source is ${say(here)}`);
    return;
  }
  const whole = there.sha256 === sha256;
  if (!whole) {
    checks.problem('copies', `${name}: at ${centre} is ${say(there)}`);
    if (here.sha256 !== sha256) checks.problem('rule-1', `${name}: it is whole neither at ${store} nor at ${centre}`);
  } else if (here.note !== undefined && !here.marker && there.note !== here.note) {
    checks.problem('copies', `${name}: its metadata is not at ${centre}`);
  }
  compareSource(stage, name, object, here, plan.finish === 'tombstoned', purged);
}

function compareSource(
  { checks }: Stage,
  name: string,
  { sample, sha256 }: LoggedObject,
  here: Seen,
  emptied: boolean,
  purged: boolean,
): void {
  if (!emptied || sample) {
    if (here.sha256 !== sha256)
      checks.problem(sample && emptied ? 'restore' : 'sources', `${name}: at its source is ${say(here)}`);
    return;
  }
  if (here.marker || (purged && !here.there)) return;
  checks.problem('sources', `${name}: at its source is ${say(here)}, no tombstone`);
}

/** The last write that was acknowledged is what a reader finds, or one after it that had no answer. */
function compareLate(
  { checks }: Stage,
  name: string,
  centre: string,
  found: {
    readonly here: Seen;
    readonly there: Seen;
    readonly sha256: string;
    readonly late: readonly LateWrite[];
    readonly purged: boolean;
  },
): void {
  const { here, there, late, purged } = found;
  let possible: (string | undefined)[] = [found.sha256];
  for (const { sha256, done } of late) {
    if (done === true) possible = [sha256];
    else if (done === undefined) possible.push(sha256);
  }
  const isThere = (sha256: string | undefined): boolean => {
    if (sha256 === undefined) return !here.there;
    return here.sha256 === sha256 || ((here.marker || (purged && !here.there)) && there.sha256 === sha256);
  };
  if (possible.some(isThere)) return;
  const wanted = possible
    .map((sha256) => (sha256 === undefined ? 'nothing (deleted)' : sha256.slice(0, 12)))
    .join(' or ');
  checks.problem(
    'late-writes',
    `${name}: others left ${wanted}; at its source is ${say(here)}, at ${centre} ${say(there)}`,
  );
}

interface Seen {
  readonly there: boolean;
  readonly marker: boolean;
  readonly sha256: string | undefined;
  readonly note: string | undefined;
}

function seen(found: Found | undefined): Seen {
  if (found === undefined) return { there: false, marker: false, sha256: undefined, note: undefined };
  return { there: true, marker: looksLikeMarker(found.bytes), sha256: sha256Hex(found.bytes), note: found.note };
}

function say({ there, marker, sha256 }: Seen): string {
  if (!there) return 'nothing';
  return marker ? 'a tombstone' : `an object with SHA-256 ${sha256?.slice(0, 12)}`;
}

/** What is at the centres that nobody put there: neither a copy nor something that was there before. */
export async function findStrangers(stage: Stage): Promise<number> {
  let looked = 0;
  const foreigners = stage.log.foreigners();
  for (const centre of new Set(stage.plan.partitions.map(({ to }) => to))) {
    for await (const key of outsideOf(stage, centre).keys()) {
      looked += 1;
      if (stage.log.goesTo(centre, key) || foreigners.some((one) => one.store === centre && one.key === key)) continue;
      stage.checks.problem('strangers', `${named(centre, key)}: nobody put it there`);
    }
    for await (const { key, what } of outsideOf(stage, centre).hidden()) {
      if (what.startsWith('unfinished')) stage.checks.problem('strangers', `${centre} ${JSON.stringify(key)}: ${what}`);
    }
  }
  for (const { store, key, sha256 } of foreigners) {
    const there = await outsideOf(stage, store).get(key);
    if (there === undefined || sha256Hex(there.bytes) !== sha256)
      stage.checks.problem('rule-4', `${named(store, key)}: it was there before, and is not as it was`);
  }
  return looked;
}
