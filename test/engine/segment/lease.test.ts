import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Lease, type LeaseClocks, take } from '../../../src/engine/segment/lease.ts';
import { LeaseChain, type LeaseRecord } from '../../../src/engine/segment/lease-chain.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Body, ObjectHead, WriteOptions } from '../../../src/store/store.ts';
import { StoreError } from '../../../src/store/store.ts';
import { HandClock } from '../../support/hand-clock.ts';

const TTL = 900;

/** A control store whose answers may be lost: what was written is there, and nobody hears of it. */
class LosingStore extends MemoryStore {
  loseNext = false;

  override async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    const made = await super.create(key, body, options);
    if (!this.loseNext) return made;
    this.loseNext = false;
    throw new StoreError({ kind: 'unreachable', store: this.name, op: 'create', key, why: 'the answer was lost' });
  }
}

type Act =
  | { readonly do: 'take' | 'commit' | 'effect' | 'crash' | 'free' | 'lose answer'; readonly who: 0 | 1 }
  | { readonly do: 'pass'; readonly who: 0 | 1; readonly ms: number; readonly times: number };

const who = fc.constantFrom<0 | 1>(0, 1);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom<'take' | 'commit' | 'effect' | 'crash' | 'free' | 'lose answer'>(
        'take',
        'take',
        'commit',
        'commit',
        'effect',
        'crash',
        'free',
        'lose answer',
      ),
      who,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant<'pass'>('pass'),
      who,
      ms: fc.integer({ min: 1, max: TTL / 2 }),
      times: fc.constantFrom(1, 1, 1, 6),
    }),
  },
);

/** One who may own the shard, with clocks of its own whose date is anything. */
class Candidate {
  readonly steady: HandClock;
  readonly clocks: LeaseClocks;
  lease: Lease | undefined;
  /** Under way, as long as it has to wait. */
  taking: { readonly end: AbortController; readonly done: Promise<void> } | undefined;
  life = 0;

  constructor(begin: number, skew: number) {
    this.steady = new HandClock(begin);
    this.clocks = {
      steady: this.steady,
      wall: { ...this.steady, now: () => this.steady.now() + skew, sleep: (ms, s) => this.steady.sleep(ms, s) },
    };
  }
}

it('never has two owners who commit, nor an effect of one whose time is over, however clocks differ and owners crash', async () => {
  let commits = 0;
  let effects = 0;
  let takings = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 5, maxLength: 60 }),
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.integer({ min: 0, max: 1e9 }),
      async (acts, skew, begin) => {
        const store = new LosingStore({ name: 'control' });
        const chain = (): LeaseChain => new LeaseChain(store, 'lease/', { attempts: 2, baseMs: 0, capMs: 0 });
        const first = { owner: { id: 'home', host: '', jurisdiction: 'NO' }, state: 'free' as const, ttlMs: TTL };
        await chain().append(undefined, {
          ...first,
          epoch: 0,
          checkpoints: [],
          states: {},
          moved: { objects: 0, bytes: 0 },
        });
        const all = [new Candidate(begin, 0), new Candidate(1_000, skew)] as const;
        // True time is one for both: their clocks differ by a constant.
        for (const one of acts) {
          const me = all[one.who];
          if (one.do === 'pass') {
            for (let time = 0; time < one.times; time += 1)
              for (const candidate of all) await candidate.steady.turnTo(candidate.steady.now() + one.ms);
          } else if (one.do === 'take' && me.lease === undefined && me.taking === undefined) {
            const end = new AbortController();
            const life = me.life;
            const owner = { id: `worker-${one.who}-${life}`, host: 'h', jurisdiction: 'NO' };
            const done = take({ chain: chain(), owner, ttlMs: TTL, again: true, signal: end.signal, clocks: me.clocks })
              .then((lease) => {
                if (me.life !== life) return;
                me.lease = lease;
                takings += 1;
              })
              .catch(() => undefined)
              .finally(() => {
                if (me.life === life) me.taking = undefined;
              });
            me.taking = { end, done };
            await me.steady.turnTo(me.steady.now());
            for (let turn = 0; turn < 12; turn += 1) await me.steady.turnTo(me.steady.now());
          } else if (one.do === 'crash') {
            me.life += 1;
            me.taking?.end.abort();
            await me.taking?.done;
            me.taking = undefined;
            me.lease = undefined;
          } else if (one.do === 'commit' && me.lease !== undefined) {
            const { lease } = me;
            const before: LeaseRecord = await chain().newest();
            const written = await lease.write({}).then(
              (record) => record,
              () => undefined,
            );
            if (written === undefined) {
              expect(lease.lost.aborted).toBe(true);
              me.lease = undefined;
            } else {
              commits += 1;
              // Whoever commits is the owner of the newest epoch, and was before.
              expect(before).toMatchObject({ epoch: lease.epoch, owner: { id: written.owner.id } });
              expect(written.number).toBe(before.number + 1);
            }
          } else if (one.do === 'effect' && me.lease !== undefined) {
            const { lease } = me;
            const newest = await chain().newest();
            try {
              lease.check();
              effects += 1;
              // The effect itself takes as long as a third of the lease: nobody else may have the shard before it ends.
              expect(newest.epoch).toBe(lease.epoch);
            } catch (error) {
              if (!lease.lost.aborted) throw error;
              me.lease = undefined;
            }
          } else if (one.do === 'free' && me.lease !== undefined) {
            await me.lease.write({ state: 'free' }).catch(() => undefined);
            me.lease = undefined;
          } else if (one.do === 'lose answer') store.loseNext = true;
        }
        for (const candidate of all) {
          candidate.taking?.end.abort();
          await candidate.taking?.done;
        }
        // Each epoch has one owner, and epochs grow by one.
        const records: LeaseRecord[] = [];
        for await (const page of store.list({ prefix: 'lease/' }))
          for (const { key } of page) {
            const chunks: Uint8Array[] = [];
            for await (const chunk of (await store.read(key)).body) chunks.push(chunk);
            records.push(JSON.parse(Buffer.concat(chunks).toString()) as LeaseRecord);
          }
        const owners = new Map<number, string>();
        let epoch = 0;
        for (const [index, record] of records.entries()) {
          expect(record.number).toBe(index + 1);
          expect([epoch, epoch + 1]).toContain(record.epoch);
          epoch = record.epoch;
          expect(owners.get(epoch) ?? record.owner.id).toBe(record.owner.id);
          owners.set(epoch, record.owner.id);
        }
      },
    ),
    { numRuns: 800 },
  );
  // The property would hold of a lease that nobody ever gets.
  expect(Math.min(takings, commits, effects)).toBeGreaterThan(50);
}, 60_000);
