import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Body, CallOptions, ObjectHead, Replaced, Store, WriteOptions } from '../../src/store/store.ts';
import { StoreError } from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { drivePlan, rowOf } from '../support/drive-plan.ts';
import { type Laid, layOut } from '../support/plan.ts';
import { digestsIn } from '../support/tree.ts';

const KEY = 'users/NO/a';
const LATE = 'what the program wrote in the end';

/** Does something right after a swap at the legacy store, or after its undoing. */
class Meddled extends ForwardingStore {
  readonly #after: () => void;

  constructor(inner: Store, after: () => void) {
    super(inner);
    this.#after = after;
  }

  override async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    const replaced = await this.inner.replace(key, revision, body, options);
    this.#after();
    return replaced;
  }

  override async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options?: CallOptions,
  ): Promise<ObjectHead> {
    const head = await this.inner.reinstate(key, revision, kept, options);
    this.#after();
    return head;
  }
}

const meddling =
  (after: () => void) =>
  (store: Store): Store =>
    store.name === 'legacy' ? new Meddled(store, after) : store;

/** A program that has the object's file open now and writes it in place when told to. */
function holder(laid: Laid): { write(): void } {
  const file = openSync(join(laid.legacy, KEY), 'r+');
  onTestFinished(() => closeSync(file));
  return {
    write: () => {
      writeSync(file, LATE, 0);
      ftruncateSync(file, LATE.length);
      fsyncSync(file);
    },
  };
}

const laidOut = (change = {}): Laid => layOut(change, { [KEY]: 'first' });
const KEPT_AT_CENTRE = { tombstone: { hold: '30d', keep: 'centre' } };
const sourceOf = (laid: Laid): string => readFileSync(join(laid.legacy, KEY), 'utf8');

describe('a program that has a file open while its tombstone is put there', () => {
  it('and writes at once keeps its write as the object, and the run tells', async () => {
    const laid = laidOut();
    const program = holder(laid);
    const { unresolved } = await drivePlan(laid, 'run', { wrap: meddling(program.write) });
    expect(sourceOf(laid)).toBe(LATE);
    expect(unresolved).toMatchObject([{ key: KEY, state: 'conflict', reason: /had the source open/ }]);
    // Nothing else is left of the tombstone.
    expect(Object.keys(digestsIn(laid.legacy, true))).toEqual([KEY]);
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
  });

  it('and writes after the run has it back with the next one', async () => {
    const laid = laidOut();
    const program = holder(laid);
    expect((await drivePlan(laid, 'run')).totals.states.tombstoned).toBe(1);
    program.write();
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
  });

  it('and writes after the run has it back with a restore', async () => {
    const laid = laidOut();
    const program = holder(laid);
    await drivePlan(laid, 'run');
    program.write();
    expect((await drivePlan(laid, 'restore')).totals.states.restored).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
  });

  it('and writes at once keeps its write as the object where the source keeps nothing, too', async () => {
    const laid = laidOut(KEPT_AT_CENTRE);
    const program = holder(laid);
    expect((await drivePlan(laid, 'run', { wrap: meddling(program.write) })).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
  });

  it('and writes when the run was killed before the marker was there has it back, too', async () => {
    const laid = laidOut();
    const program = holder(laid);
    const wrap = meddling(() => {
      rmSync(join(laid.legacy, KEY));
      program.write();
      throw new StoreError({ kind: 'unreachable', store: 'legacy', op: 'replace', why: 'x' });
    });
    await expect(drivePlan(laid, 'run', { wrap })).rejects.toThrow();
    expect(existsSync(join(laid.legacy, KEY))).toBe(false);
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
  });

  it('does not undo what someone else wrote over the tombstone', async () => {
    const laid = laidOut();
    const program = holder(laid);
    await drivePlan(laid, 'run');
    program.write();
    rmSync(join(laid.legacy, KEY));
    closeSync(openSync(join(laid.legacy, KEY), 'wx'));
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe('');
  });
});

describe('a program that has a tombstone open while it is undone', () => {
  it('and writes then keeps its write as the object; what was restored is kept', async () => {
    const laid = laidOut();
    await drivePlan(laid, 'run');
    const program = holder(laid);
    expect((await drivePlan(laid, 'restore', { wrap: meddling(program.write) })).totals.states.restored).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
    const own = Object.keys(digestsIn(laid.legacy, true)).filter((path) => path !== KEY);
    expect(own.map((path) => readFileSync(join(laid.legacy, path), 'utf8'))).toEqual(['first']);
    expect(rowOf(laid, KEY)?.state).toBe('restored');
  });

  it('and writes then keeps its write as the object where the copy of the centre came back, too', async () => {
    const laid = laidOut(KEPT_AT_CENTRE);
    await drivePlan(laid, 'run');
    const program = holder(laid);
    expect((await drivePlan(laid, 'restore', { wrap: meddling(program.write) })).totals.states.conflict).toBe(1);
    expect(sourceOf(laid)).toBe(LATE);
    expect(Object.keys(digestsIn(laid.legacy, true))).toEqual([KEY]);
  });

  it('and does not write leaves nothing behind', async () => {
    const laid = laidOut();
    const before = digestsIn(laid.legacy, true);
    await drivePlan(laid, 'run');
    holder(laid);
    await drivePlan(laid, 'restore');
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  });
});
