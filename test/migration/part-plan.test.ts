import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../src/base/budget.ts';
import { copiedPartSizeFor, partSizeFor, rangesOf } from '../../src/migration/part-plan.ts';

const MIB = 1024 ** 2;
const aws = { smallest: 5 * MIB, largest: 5 * 1024 * MIB, most: 10_000 };

describe('the size of parts', () => {
  it('keeps every object that a centre can hold within its limits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 48 * 1024 ** 4 }), (size) => {
        for (const partSize of [partSizeFor(size, aws) ?? 0, copiedPartSizeFor(size, aws) ?? 0]) {
          expect(partSize).toBeGreaterThanOrEqual(aws.smallest);
          expect(partSize).toBeLessThanOrEqual(aws.largest);
          expect(Math.ceil(size / partSize)).toBeLessThanOrEqual(aws.most);
        }
      }),
    );
  });

  it('says when a centre cannot hold an object at all', () => {
    expect(partSizeFor(aws.largest * aws.most + 1, aws)).toBeUndefined();
    expect(partSizeFor(100 * MIB, { ...aws, largest: 8 * MIB })).toBeUndefined();
    expect(copiedPartSizeFor(aws.largest * aws.most + 1, aws)).toBeUndefined();
    expect(copiedPartSizeFor(100 * MIB, { ...aws, largest: 8 * MIB })).toBe(8 * MIB);
  });

  it('covers every byte once, in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 700 }), (size, partSize) => {
        const ranges = [...rangesOf(size, partSize)];
        expect(ranges.map((range) => range.number)).toEqual(ranges.map((_, n) => n + 1));
        expect(ranges.reduce((at, { start, end }) => (start === at && end > start ? end : -1), 0)).toBe(size);
      }),
    );
  });
});

describe('a budget of bytes', () => {
  it('is never exceeded but by one who wants more than all of it, and serves in turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 }), async (wants) => {
        const budget = new ByteBudget(100);
        let held = 0;
        const served: number[] = [];
        await Promise.all(
          wants.map(async (bytes, n) => {
            const giveBack = await budget.take(bytes);
            served.push(n);
            held += bytes;
            expect(held <= 100 || held === bytes).toBe(true);
            await Promise.resolve();
            held -= bytes;
            giveBack();
          }),
        );
        expect(served).toEqual(wants.map((_, n) => n));
      }),
    );
  });
});
