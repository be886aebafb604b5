import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { code } from '../../../src/cli/plan-view/markdown.ts';
import { sizeLines, sizesDocument } from '../../../src/cli/plan-view/sizes.ts';
import { countSize, noSizes, SIZE_BOUNDS } from '../../../src/migration/size-buckets.ts';
import { documentOf, ferry } from '../../support/cli.ts';
import { layOut, USERS } from '../../support/plan.ts';

const countsOf = (sizes: readonly number[]) => {
  const counts = noSizes();
  for (const size of sizes) countSize(counts, size);
  return counts;
};

describe('sizes', () => {
  it('are each counted once, in the bucket that they are in', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), (sizes) => {
        const found = sizesDocument(countsOf(sizes));
        expect(found.length).toBe(SIZE_BOUNDS.length + 1);
        let below = -1;
        for (const { upTo, objects } of found) {
          const most = upTo ?? Number.POSITIVE_INFINITY;
          expect(objects).toBe(sizes.filter((size) => size > below && size <= most).length);
          below = most;
        }
      }),
    );
  });

  it('have bars', () => {
    const sizes = countsOf([0, ...Array.from({ length: 60 }, () => 1024), 2 ** 20, 2 ** 40]);
    expect(sizeLines([{ sizes }]).join('\n')).toMatchSnapshot();
    expect(sizeLines([{ sizes: noSizes() }])).toEqual([]);
  });
});

describe('plan --markdown', () => {
  it('leaves nothing of a name that could be markup, a link or a mention', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(code(text)).toMatch(/^<code>(&#\d+;|[\p{L}\p{N} ])*<\/code>$/u);
      }),
    );
  });

  it('gives tables, and the document has the sizes', async () => {
    const { plan } = layOut({}, { ...USERS, 'users/NO/<b>|@kari`': 'x', 'other/#1 http://x.example': 'y' });
    const shown = await ferry(['plan', plan, '--markdown']);
    expect(shown.code).toBe(0);
    expect(shown.stdout.replace(/sha256&#58;[0-9a-f]+/, 'DIGEST')).toMatchSnapshot();
    const { partitions } = documentOf<{
      partitions: { objects: number; sizes: { upTo: number; objects: number }[] }[];
    }>(await ferry(['plan', plan, '--json']));
    for (const { objects, sizes } of partitions) expect(sizes.reduce((sum, one) => sum + one.objects, 0)).toBe(objects);
    expect(partitions[0]?.sizes.slice(0, 2)).toEqual([
      { upTo: 0, objects: 1 },
      { upTo: 1024, objects: 3 },
    ]);
  });
});
