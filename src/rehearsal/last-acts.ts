import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { looksLikeMarker } from '../migration/marker.ts';
import { filesIn } from './acts.ts';
import { ferryOn, lastOf, named, outsideOf, type Stage } from './stage.ts';

interface PurgeDocument {
  readonly purged: { readonly objects: number };
  readonly left: readonly { readonly key: string; readonly partition: string; readonly reason: string }[];
}

/** After the hold: what tombstones hid is removed, and looked for. */
export async function purgeAct(stage: Stage): Promise<void> {
  const { checks, files, log, plan } = stage;
  const ran = await checks.timed('purge', () => ferryOn(stage, ['purge', files.over, '--yes']));
  const document = ran.document as PurgeDocument | undefined;
  const meddled = new Set<string>();
  for (const { store, key, partition, sample, planted, touched } of log.objects()) {
    if (sample || planted !== undefined || touched || partition === undefined)
      meddled.add(`${partition} ${key}`).add(`${store} ${key}`);
  }
  const left = document?.left ?? [];
  if (ran.code !== (left.length > 0 ? 4 : 0)) checks.problem('purge', `ferry purge ended with ${lastOf(ran)}`);
  for (const { key, partition, reason } of left) {
    if (!meddled.has(`${partition} ${key}`))
      checks.problem('purge', `${partition} ${JSON.stringify(key)} stays: ${reason}`);
  }
  const others = log.lateCount() > 0;
  for (const source of new Set(plan.partitions.map(({ from }) => from))) {
    for await (const { key, what } of outsideOf(stage, source).hidden()) {
      if (key === undefined ? others : meddled.has(`${source} ${key}`)) continue;
      checks.problem('purge', `${source}: ${key === undefined ? '' : `${JSON.stringify(key)} `}${what} is still there`);
    }
  }
  checks.looked('purge', `${document?.purged.objects ?? 0} objects purged, ${left.length} left`);
}

interface ScanDocument {
  readonly stores: readonly { readonly name: string; readonly objects: number; readonly late: number }[];
}

/** What is visible at the sources, counted by hand and by ferry. */
export async function scanAct(stage: Stage): Promise<void> {
  const { checks, files, log, plan } = stage;
  const ran = await checks.timed('scan', () => ferryOn(stage, ['scan', files.over]));
  const document = ran.document as ScanDocument | undefined;
  if (document === undefined || (ran.code !== 0 && ran.code !== 4)) {
    checks.problem('scan', `ferry scan ended with ${lastOf(ran)}`);
    return;
  }
  const excluded = new Set<string>();
  for (const { store, key, partition } of log.objects()) if (partition === undefined) excluded.add(`${store} ${key}`);
  let visible = 0;
  for (const source of new Set(plan.partitions.map(({ from }) => from))) {
    let mine = 0;
    for await (const key of outsideOf(stage, source).keys()) {
      if (excluded.has(`${source} ${key}`)) continue;
      const found = await outsideOf(stage, source).get(key);
      if (found !== undefined && !looksLikeMarker(found.bytes)) mine += 1;
    }
    const its = document.stores.find(({ name }) => name === source)?.objects;
    if (its !== mine) checks.problem('scan', `${source}: it found ${its} objects, and ${mine} are there`);
    visible += mine;
  }
  checks.looked('scan', `${visible} objects are left at the sources`);
}

export async function evidenceAct(stage: Stage): Promise<string> {
  const { checks, files, stateDir, standIns } = stage;
  const out = join(standIns.dir, 'evidence');
  await checks.timed('evidence', async () => {
    const exported = await ferryOn(stage, ['evidence', 'export', files.over, '--out', out]);
    if (exported.code !== 0) {
      checks.problem('evidence', `ferry evidence export ended with ${lastOf(exported)}`);
      return;
    }
    const verified = await ferryOn(stage, ['evidence', 'verify', out, '--key', join(stateDir, 'evidence.pub')]);
    if (verified.code !== 0) checks.problem('evidence', `ferry evidence verify ended with ${lastOf(verified)}`);
    const leaves = (verified.document as { readonly leaves?: number } | undefined)?.leaves;
    checks.looked('evidence', `${leaves ?? 0} leaves`);
  });
  return out;
}

/** Looks for the servers' secrets in every file that ferry wrote for keeps. */
export async function secretsAct(stage: Stage, evidence: string): Promise<void> {
  const { checks, standIns, stateDir } = stage;
  const files = [...(await filesIn(stateDir)), ...(await filesIn(evidence))];
  for (const file of files) {
    for (const secret of standIns.secrets) {
      if (await holds(file, secret))
        checks.problem('secrets', `${file.slice(standIns.dir.length + 1)} holds a secret key`);
    }
  }
  if (standIns.secrets.length === 0) checks.skip('secrets', 'no store of this plan has credentials');
  else checks.looked('secrets', `${files.length} files`);
}

async function holds(file: string, secret: string): Promise<boolean> {
  let before = '';
  for await (const chunk of createReadStream(file, 'latin1') as AsyncIterable<string>) {
    const text = before + chunk;
    if (text.includes(secret)) return true;
    before = text.slice(-secret.length);
  }
  return false;
}

/** A copy is altered behind ferry's back: for tests of the rehearsal itself, which has to find it. */
export async function alterOneCopy(stage: Stage): Promise<void> {
  for (const { key, centre, sample, planted, touched } of stage.log.objects()) {
    if (centre === undefined || sample || planted !== undefined || touched) continue;
    await outsideOf(stage, centre).put(key, Buffer.from('These are other bytes.\n'));
    stage.tell(`altered ${named(centre, key)} at its centre, as was asked`);
    return;
  }
}
