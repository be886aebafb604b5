import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { smallDisk } from '../../support/small-disk.ts';
import { tempDir } from '../../support/temp.ts';
import { digestsIn } from '../../support/tree.ts';
import { endedAs, fault, type Options, Trial } from './trial.ts';

/** @param places where source and centre are, where not in a folder of the test's own. */
async function folders(options: Options, places: { readonly legacy?: string; readonly centre?: string } = {}) {
  const dir = tempDir();
  const { legacy = join(dir, 'legacy'), centre = join(dir, 'centre') } = places;
  mkdirSync(legacy, { recursive: true });
  const trial = await Trial.betweenFolders(dir, legacy, centre, options);
  return { trial, legacy, centre };
}

fault('the disk of the ledger gets full', async (row, context) => {
  const disk = smallDisk(context, '8m');
  const { trial } = await folders({ seed: row.name, small: 500 });
  const state = ['--state', join(disk.dir, 'state')];
  const run = trial.start({}, ...state);
  await run.copied(20);
  disk.fill();
  await run.endsAs(row);
  await trial.nothingIsLost();
  disk.free();
  const ended = await trial.ferry('run', ...state);
  expect(ended.code, ended.stderr).toBe(0);
  expect(await trial.nothingIsLost()).toBe(trial.objects);
});

fault('the disk of a centre gets full', async (row, context) => {
  const disk = smallDisk(context, '4m');
  const { trial } = await folders({ seed: row.name }, { centre: join(disk.dir, 'centre') });
  await trial.start().endsAs(row);
  await trial.nothingIsLost();
  disk.remount('size=64m');
  await trial.comesToItsEnd();
});

fault('the disk of a source has no room for tombstones', async (row, context) => {
  const disk = smallDisk(context, '16m');
  const { trial } = await folders({ seed: row.name }, { legacy: join(disk.dir, 'legacy') });
  expect((await trial.ferry('run', '--until', 'verified')).code).toBe(0);
  disk.fill();
  await trial.start().endsAs(row);
  await trial.nothingIsLost();
  disk.free();
  await trial.comesToItsEnd();
});

fault('a source is mounted read-only', async (row, context) => {
  const disk = smallDisk(context, '16m');
  const { trial, legacy } = await folders({ seed: row.name, small: 30 }, { legacy: join(disk.dir, 'legacy') });
  const before = digestsIn(legacy, true);
  disk.remount('ro');
  await trial.start().endsAs(row);
  expect(digestsIn(legacy, true)).toEqual(before);
  disk.remount('rw');
  await trial.comesToItsEnd();
});

fault('the state directory is read-only', async (row, context) => {
  const disk = smallDisk(context, '16m');
  const { trial, legacy } = await folders({ seed: row.name, small: 30 });
  const state = ['--state', join(disk.dir, 'state')];
  const before = digestsIn(legacy, true);
  disk.remount('ro');
  endedAs(row, await trial.ferry('run', ...state));
  disk.remount('rw');
  expect((await trial.ferry('run', '--until', 'verified', ...state)).code).toBe(0);
  disk.remount('ro');
  endedAs(row, await trial.ferry('run', ...state));
  expect(digestsIn(legacy, true)).toEqual(before);
  disk.remount('rw');
  const ended = await trial.ferry('run', ...state);
  expect(ended.code, ended.stderr).toBe(0);
  expect(await trial.nothingIsLost()).toBe(trial.objects);
});
