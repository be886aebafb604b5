import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { extendsTree, leafHash } from '../../../src/base/merkle.ts';
import { checkBundle } from '../../../src/engine/evidence/check.ts';
import { leafText } from '../../../src/evidence/leaf.ts';
import { rootOf, SEGMENT } from '../../../src/evidence/manifest.ts';
import { objectText } from '../../../src/evidence/object-leaf.ts';
import { TreeIndex } from '../../../src/evidence/tree-index.ts';
import { exported, leavesOf, lied } from '../../support/bundle.ts';
import { ferry } from '../../support/cli.ts';
import { layOut } from '../../support/plan.ts';
import { tempDir } from '../../support/temp.ts';

const OBJECTS = SEGMENT + 5_000;

it('a log of several segments is checked whole, and each segment apart', async () => {
  const laid = layOut({ finish: 'verified' });
  expect((await ferry(['run', laid.plan, '--partition', 'nordic'])).code).toBe(0);
  const plan = leavesOf(await exported(laid)).find((leaf) => leaf.includes('"type":"plan"')) ?? '';
  const leaves = [plan];
  for (let n = 0; n < OBJECTS; n++) {
    leaves.push(
      objectText({
        type: 'object',
        partition: 'nordic',
        source: 'legacy',
        centre: 'hamar',
        key: `sha256:${randomBytes(32).toString('hex')}`,
        outcome: 'verified',
        sha256: randomBytes(32).toString('hex'),
        size: n,
        verified: { at: '2026-03-01T12:00:00.000Z', how: 'readback' },
      }),
    );
  }
  const partitions = [{ bytes: 0, name: 'nordic', objects: OBJECTS, outcomes: { verified: OBJECTS } }];
  leaves.push(leafText({ type: 'tally', planned: 0, partitions }));
  const made = await lied(laid, leaves);
  const whole = await checkBundle(made);
  expect(whole).toMatchObject({ segments: 2, leaves: leaves.length, counted: { outcomes: { verified: OBJECTS } } });
  // RFC 6962 over all leaves, by another way than the bundle's.
  const index = new TreeIndex((start, end) => leaves.slice(start, end).map((leaf) => Buffer.from(leaf)));
  for (const leaf of leaves) index.push(leafHash(Buffer.from(leaf)).toString('latin1'));
  expect(index.subtree(0, leaves.length).toString('hex')).toBe(whole.head.root);
  expect(rootOf(whole.manifest.segments).toString('hex')).toBe(whole.head.root);
  const first = { root: index.subtree(0, SEGMENT), size: SEGMENT };
  const all = { root: Buffer.from(whole.head.root, 'hex'), size: leaves.length };
  expect(extendsTree(first, all, [first.root, index.subtree(SEGMENT, leaves.length)].slice(1))).toBe(true);
  for (const number of [0, 1]) {
    const part = join(tempDir(), 'part');
    cpSync(made.folder, part, { recursive: true });
    for (const kind of ['hashes', 'ndjson.zst']) rmSync(join(part, `segments/00000${1 - number}.${kind}`));
    const checked = await checkBundle({ ...made, folder: part, segments: new Set([number]) });
    expect(checked.leaves).toBe(number === 0 ? SEGMENT : leaves.length - SEGMENT);
    await expect(checkBundle({ ...made, folder: part })).rejects.toThrow(/missing/);
  }
  const path = join(made.folder, 'segments/000001.hashes');
  const bytes = readFileSync(path);
  bytes[33] = (bytes[33] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await expect(checkBundle(made)).rejects.toThrow(/000001.hashes/);
});
