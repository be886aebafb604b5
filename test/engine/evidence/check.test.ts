import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newKeyPair } from '../../../src/base/ed25519.ts';
import { FerryError } from '../../../src/base/errors.ts';
import { checkBundle } from '../../../src/engine/evidence/check.ts';
import { exported, filesOf, leavesOf, type Made, replaceLeaves } from '../../support/bundle.ts';
import { ferry } from '../../support/cli.ts';
import { layOut } from '../../support/plan.ts';
import { tempDir } from '../../support/temp.ts';

/** A small bundle of a plan that ran twice, with an earlier head. */
async function small(): Promise<Made> {
  const laid = layOut({}, { 'users/NO/a': 'first', 'users/DE/b': 'second' });
  expect((await ferry(['run', laid.plan])).code).toBe(0);
  await exported(laid);
  return await exported(laid);
}

/** Checks, and tells what was found wrong; a throw of anything but a FerryError is a crash. */
async function verdict(made: Made): Promise<string> {
  try {
    await checkBundle(made);
    return 'good';
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    expect(['integrity', 'usage']).toContain(error.fault);
    return error.message;
  }
}

function copied(made: Made): Made {
  const folder = join(tempDir(), 'copy');
  cpSync(made.folder, folder, { recursive: true });
  return { ...made, folder };
}

describe('a bundle', () => {
  it('is good as it was made, and not by another key', async () => {
    const made = await small();
    expect(await verdict(made)).toBe('good');
    expect(filesOf(made)).toEqual([
      'SUMMARY.md',
      'head.json',
      'heads.ndjson',
      'key.pem',
      'manifest.json',
      'plan.json',
      'segments/000000.hashes',
      'segments/000000.ndjson.zst',
    ]);
    expect(await verdict({ ...made, key: newKeyPair().key })).toContain('head.json');
  });

  it('shows each single byte that was changed', { timeout: 300_000 }, async () => {
    const made = copied(await small());
    for (const name of filesOf(made)) {
      const path = join(made.folder, name);
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(path, changed);
        expect(await verdict(made), `${name}, byte ${at}`).not.toBe('good');
      }
      writeFileSync(path, bytes);
    }
    expect(await verdict(made)).toBe('good');
  });

  it('shows each cut of each file, a missing file and one too many', { timeout: 300_000 }, async () => {
    const made = copied(await small());
    for (const name of filesOf(made)) {
      const path = join(made.folder, name);
      const bytes = readFileSync(path);
      for (let length = 0; length < bytes.length; length++) {
        writeFileSync(path, bytes.subarray(0, length));
        expect(await verdict(made), `${name}, cut to ${length}`).not.toBe('good');
      }
      rmSync(path);
      expect(await verdict(made), `${name}, missing`).not.toBe('good');
      writeFileSync(path, bytes);
      appendFileSync(path, '\n');
      expect(await verdict(made), `${name}, longer`).not.toBe('good');
      writeFileSync(path, bytes);
    }
    writeFileSync(join(made.folder, 'more.txt'), 'x');
    expect(await verdict(made)).toContain('more.txt');
  });

  it('names the first leaf that is wrong where leaves were dropped, swapped, doubled or changed', async () => {
    const whole = await small();
    const leaves = leavesOf(whole);
    const made = copied(whole);
    const first = async (changed: readonly string[]): Promise<string> => {
      replaceLeaves(made, changed);
      return await verdict(made);
    };
    for (const [at, leaf] of leaves.entries()) {
      const named = `leaf ${at} (segments/000000.ndjson.zst, line ${at + 1})`;
      expect(await first(leaves.toSpliced(at, 1)), `${leaf} dropped`).toContain(named);
      expect(await first(leaves.toSpliced(at, 0, leaf)), `${leaf} doubled`).toContain(`leaf ${at + 1} `);
      expect(await first(leaves.with(at, leaf.replace(/.\}$/, '}'))), `${leaf} changed`).toContain(named);
      const next = leaves[at + 1];
      if (next === undefined) continue;
      expect(await first(leaves.with(at, next).with(at + 1, leaf)), `${leaf} swapped`).toContain(named);
    }
    // The same leaves in other bytes are found as well.
    expect(await first(leaves)).toMatch(/good|its bytes are not those that were signed/);
  });

  it('can be checked segment by segment', async () => {
    const made = copied(await small());
    for (const name of ['SUMMARY.md', 'plan.json', 'heads.ndjson', 'key.pem']) rmSync(join(made.folder, name));
    expect(await verdict(made)).toContain('is missing');
    const part = await checkBundle({ ...made, segments: new Set([0]) });
    expect(part).toMatchObject({ segments: 1, counted: undefined });
    expect(part.leaves).toBe(part.head.size);
    const bytes = readFileSync(join(made.folder, 'segments/000000.hashes'));
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(join(made.folder, 'segments/000000.hashes'), bytes);
    await expect(checkBundle({ ...made, segments: new Set([0]) })).rejects.toThrow(/000000.hashes/);
    await expect(checkBundle({ ...made, segments: new Set([1]) })).rejects.toThrow(/segment 1/);
  });
});
