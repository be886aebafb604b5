import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AuditObject, AuditPopulation } from '../../src/engine/audit.ts';
import { ledgerPopulation } from '../../src/engine/audit-population.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { State } from '../../src/ledger/lifecycle.ts';
import { tempDir } from '../support/temp.ts';

const never = new AbortController().signal;

/** SHA-256 in hex of what a test calls an object. */
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A ledger with objects of two partitions in turn: `0` of `even`, `1` of `odd`, … */
function ledgerOf(count: number): Ledger {
  const ledger = Ledger.open(tempDir());
  ledger.bind({
    plan: 'p',
    planDigest: 'sha256:1',
    routing: 'sha256:r',
    stores: [
      { name: 'legacy', location: 'file:///legacy' },
      { name: 'dublin', location: 'file:///dublin' },
    ],
    partitions: [
      { name: 'even', from: 'legacy', to: 'dublin' },
      { name: 'odd', from: 'legacy', to: 'dublin' },
    ],
  });
  ledger.inventory.begin('legacy', 'start');
  const none = { objects: 0, bytes: 0 };
  const keys = Array.from({ length: count }, (_, at) => ({
    partition: at % 2 === 0 ? 'even' : 'odd',
    key: String(at),
    size: 1,
    revision: 'r',
  }));
  ledger.inventory.page('legacy', keys, {
    after: 'z',
    chain: 'c',
    excluded: none,
    unassigned: { ...none, sample: [] },
  });
  return ledger;
}

async function bring(ledger: Ledger, key: string, ...way: readonly State[]): Promise<void> {
  for (const to of way) {
    const row = ledger.queries.byKey('legacy', key);
    if (row === undefined) throw new Error(`no object ${key}`);
    await ledger.move(row, to, to === 'copied' ? { sha256: digest(key), centreRevision: 'c' } : {});
  }
}

async function all(population: AuditPopulation, indices: Iterable<number>): Promise<AuditObject[]> {
  const objects: AuditObject[] = [];
  for await (const object of population.at(indices)) objects.push(object);
  return objects;
}

const digestOf = (...keys: readonly string[]): string =>
  createHash('sha256')
    .update(Buffer.concat(keys.map((key) => Buffer.from(digest(key), 'hex'))))
    .digest('hex');

describe('the population of a ledger', () => {
  it('is what was migrated, in the order of the ledger, with its digest', async () => {
    using ledger = closing(ledgerOf(8));
    await bring(ledger, '7', 'copied', 'verified');
    await bring(ledger, '1', 'copied', 'verified', 'tombstoned');
    await bring(ledger, '2', 'copied', 'verified', 'tombstoned', 'purged');
    await bring(ledger, '3', 'copied', 'verified', 'tombstoned', 'restored');
    await bring(ledger, '4', 'copied');
    await bring(ledger, '5', 'failed');
    await bring(ledger, '6', 'copied', 'verified', 'conflict');
    const population = await ledgerPopulation(ledger, undefined, never);
    expect(population).toMatchObject({ size: 3, sha256: digestOf('1', '2', '7') });
    const objects = await all(population, [0, 1, 2]);
    expect(objects.map(({ index, key, state }) => `${index} ${key} ${state}`)).toEqual([
      '0 1 tombstoned',
      '1 2 purged',
      '2 7 verified',
    ]);
    const odd = await ledgerPopulation(ledger, ['odd'], never);
    expect(odd).toMatchObject({ size: 2, sha256: digestOf('1', '7') });
    expect((await all(odd, [1])).map(({ key }) => key)).toEqual(['7']);
  });

  it('gives those that were chosen, over many pages', async () => {
    using ledger = closing(ledgerOf(2_500));
    const keys = Array.from({ length: 2_500 }, (_, at) => String(at));
    await Promise.all(keys.map(async (key) => await bring(ledger, key, 'copied', 'verified')));
    const population = await ledgerPopulation(ledger, undefined, never);
    expect(population).toMatchObject({ size: 2_500, sha256: digestOf(...keys) });
    const chosen = [0, 1, 999, 1_000, 1_001, 2_499];
    expect((await all(population, chosen)).map(({ key }) => Number(key))).toEqual(chosen);
    expect(await all(population, [])).toEqual([]);
  });

  it('is refused where it is another one by the time that it is looked at', async () => {
    using ledger = closing(ledgerOf(4));
    for (const key of ['0', '1']) await bring(ledger, key, 'copied', 'verified', 'tombstoned');
    const population = await ledgerPopulation(ledger, undefined, never);
    await bring(ledger, '2', 'copied', 'verified');
    const changed = expect.objectContaining({ fault: 'unreachable' }) as object;
    await expect(all(population, [0])).rejects.toEqual(changed);
    const grown = await ledgerPopulation(ledger, undefined, never);
    // One leaves it while it is walked.
    const objects = grown.at([0, 1])[Symbol.asyncIterator]();
    expect((await objects.next()).value).toMatchObject({ key: '0' });
    await bring(ledger, '1', 'restored');
    await expect(objects.next()).rejects.toEqual(changed);
  });
});

function closing(ledger: Ledger): Ledger & Disposable {
  return Object.assign(ledger, { [Symbol.dispose]: () => ledger.close() });
}
