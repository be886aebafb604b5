import { chmodSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import type { Body, ListEntry, ListOptions, Replaced, Store, WriteOptions } from '../../src/store/store.ts';
import { StoreError, type StoreErrorKind } from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { drivePlan, rowOf } from '../support/drive-plan.ts';
import { layOut } from '../support/plan.ts';
import { digestsIn } from '../support/tree.ts';

const KEY = 'users/NO/a';
const FILES = { [KEY]: 'first' };
const DAY = 86_400_000;

/** Swaps, or does what the test says in its place. */
class Swapping extends ForwardingStore {
  readonly #swap: (swap: () => Promise<Replaced>) => Promise<Replaced>;

  constructor(inner: Store, swap: (swap: () => Promise<Replaced>) => Promise<Replaced>) {
    super(inner);
    this.#swap = swap;
  }

  override replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return this.#swap(() => this.inner.replace(key, revision, body, options));
  }
}

const failing = (kind: StoreErrorKind): StoreError =>
  new StoreError({ kind, store: 'legacy', op: 'replace', why: 'x' });

const legacyOnly =
  (swap: (swap: () => Promise<Replaced>) => Promise<Replaced>) =>
  (store: Store): Store =>
    store.name === 'legacy' ? new Swapping(store, swap) : store;

/** The marker arrives, its answer does not. */
const losing = (kind: StoreErrorKind) =>
  legacyOnly(async (swap) => {
    await swap();
    throw failing(kind);
  });

describe('a tombstone whose answer was lost', () => {
  it('is undone by a restore that comes first', async () => {
    const laid = layOut({}, FILES);
    const before = digestsIn(laid.legacy, true);
    await expect(drivePlan(laid, 'run', { wrap: losing('unreachable') })).rejects.toThrow(FerryError);
    expect(digestsIn(laid.legacy)).not.toEqual(before);
    expect((await drivePlan(laid, 'restore')).totals.states.restored).toBe(1);
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });

  it('is found again also after an error that no retry mends', async () => {
    const laid = layOut({}, FILES);
    const before = digestsIn(laid.legacy, true);
    expect((await drivePlan(laid, 'run', { wrap: losing('denied') })).totals.states.failed).toBe(1);
    expect((await drivePlan(laid, 'run')).totals.states.tombstoned).toBe(1);
    await drivePlan(laid, 'restore');
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });
});

describe('a tombstone that was begun and had no effect', () => {
  it('has its hold from the day on which its marker is put there', async () => {
    const laid = layOut({ tombstone: { hold: '30d' } }, FILES);
    const wrap = legacyOnly(async () => {
      throw failing('unreachable');
    });
    await expect(drivePlan(laid, 'run', { wrap, now: 0 })).rejects.toThrow(FerryError);
    await drivePlan(laid, 'run', { now: 40 * DAY });
    expect(rowOf(laid, KEY)?.tombstone?.holdUntil).toBe(70 * DAY);
  });
});

describe('a tombstone that was cut off between hiding and showing', () => {
  it('shows the old bytes again when the copy is no longer there', async () => {
    const laid = layOut({}, FILES);
    const before = digestsIn(laid.legacy, true);
    const wrap = legacyOnly(async (swap) => {
      await swap();
      rmSync(join(laid.legacy, KEY));
      throw failing('unreachable');
    });
    await expect(drivePlan(laid, 'run', { wrap })).rejects.toThrow(FerryError);
    expect(existsSync(join(laid.legacy, KEY))).toBe(false);
    rmSync(join(laid.hamar, KEY));
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });
});

describe('old bytes that are to go, as the centre keeps them', () => {
  const change = { tombstone: { keep: 'centre' } };

  it('are the object again where someone wrote them after they were hidden', async () => {
    const laid = layOut(change, FILES);
    const open = openSync(join(laid.legacy, KEY), 'a');
    const wrap = legacyOnly(async (swap) => {
      const swapped = await swap();
      writeSync(open, ' and more');
      closeSync(open);
      return swapped;
    });
    const run = await drivePlan(laid, 'run', { wrap });
    expect(run.totals.states.conflict).toBe(1);
    expect(rowOf(laid, KEY)?.reason).toContain('had the source open');
    expect(readFileSync(join(laid.legacy, KEY), 'utf8')).toBe('first and more');
  });

  it('stay, and are restored, where the copy is gone by then', async () => {
    const laid = layOut(change, FILES);
    const before = digestsIn(laid.legacy, true);
    const wrap = legacyOnly(async (swap) => {
      const swapped = await swap();
      rmSync(join(laid.hamar, KEY));
      return swapped;
    });
    expect((await drivePlan(laid, 'run', { wrap })).totals.states.tombstoned).toBe(1);
    expect((await drivePlan(laid, 'restore')).totals.states.restored).toBe(1);
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });
});

describe('a marker that was only touched', () => {
  it('is undone by restore', async () => {
    const laid = layOut({}, FILES);
    const before = digestsIn(laid.legacy, true);
    await drivePlan(laid, 'run');
    chmodSync(join(laid.legacy, KEY), 0o600);
    expect((await drivePlan(laid, 'restore')).totals.states.restored).toBe(1);
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });

  it('is taken for the marker again by the run after the one that found it', async () => {
    const laid = layOut({}, FILES);
    const before = digestsIn(laid.legacy, true);
    await drivePlan(laid, 'run');
    chmodSync(join(laid.legacy, KEY), 0o600);
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect((await drivePlan(laid, 'run')).totals.states.tombstoned).toBe(1);
    await drivePlan(laid, 'restore');
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });
});

/** Lists one object a page and breaks off after the first. */
class BreakingOff extends ForwardingStore {
  override async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    for await (const page of this.inner.list(options)) {
      yield page.slice(0, 1);
      throw failing('unreachable');
    }
  }
}

describe('a listing that was cut off', () => {
  const files = { 'users/NO/b': 'one', 'users/NO/c': 'two' };
  const wrap = (store: Store): Store => (store.name === 'legacy' ? new BreakingOff(store) : store);

  it('ends as a store out of reach', async () => {
    const laid = layOut({}, files);
    await expect(drivePlan(laid, 'run', { wrap })).rejects.toMatchObject({ fault: 'unreachable' });
  });

  it('misses nothing that was written before the place where it goes on', async () => {
    const laid = layOut({}, files);
    await expect(drivePlan(laid, 'run', { wrap })).rejects.toThrow();
    writeFileSync(join(laid.legacy, KEY), 'late');
    expect((await drivePlan(laid, 'run')).totals).toMatchObject({ objects: 3, states: { tombstoned: 3 } });
  });

  it('leaves out what a probe that was killed has left', async () => {
    const laid = layOut({}, files);
    writeFileSync(join(laid.legacy, '.ferry-probe-6f1f0a4e-3f0b-4c7e-9d0e-0a1b2c3d4e5f'), 'first');
    expect((await drivePlan(laid, 'run')).totals.objects).toBe(2);
  });
});
