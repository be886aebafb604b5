import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { frameOf } from '../../../src/cli/progress/frame.ts';
import { progressDocument } from '../../../src/cli/progress/json.ts';
import { lineOf } from '../../../src/cli/progress/lines.ts';
import { countsOf, Meter } from '../../../src/cli/progress/meter.ts';
import type { Snapshot } from '../../../src/cli/progress/types.ts';
import { STATES } from '../../../src/ledger/lifecycle.ts';
import type { Standing } from '../../../src/ledger/queries.ts';

const names = (n: number): string[] =>
  Array.from({ length: n }, (_, at) => `region-${String(at + 1).padStart(3, '0')}`);

/** A run that has done the same each two seconds for twenty: some partitions are done, one needs a person, some are to begin. */
function snapshotOf(partitions: number, before = 10): Snapshot {
  let looks = 0;
  const all = names(partitions);
  const standing = (): Standing[] =>
    all.flatMap((partition, at): Standing[] => {
      const done = Math.max(0, Math.min(100, Math.round((looks * partitions * 100) / 40) - at * 100));
      const people = at === partitions - 1 ? 2 : 0;
      const bytes = 1_000_000 * (at + 1);
      return [
        { partition, state: 'verified', objects: done, bytes: done * bytes },
        { partition, state: 'failed', objects: people, bytes: people * bytes },
        { partition, state: 'planned', objects: 100 - done, bytes: (100 - done) * bytes },
      ];
    });
  const meter = new Meter({
    plan: 'big',
    command: 'run',
    partitions: all,
    until: 'verified',
    standing,
    limits: () => ({ bandwidth: 200 * 2 ** 20, requests: 1000, concurrency: 32 }),
    now: () => looks * 2,
    since: 0,
  });
  meter.take({ type: 'retry', what: 'copy', attempt: 1, waitMs: 1, why: 'slow down' });
  for (; looks < before; looks += 1) meter.snapshot();
  return meter.snapshot();
}

const textOf = (snapshot: Snapshot, columns: number, rows: number): string =>
  frameOf(snapshot, { columns, rows })
    .lines.map(({ text }) => text)
    .join('\n');

describe('the view', () => {
  it.each([
    [3, 80, 24],
    [200, 80, 24],
    [3, 200, 50],
    [200, 200, 50],
  ])('of %i partitions on %i columns and %i rows', (partitions, columns, rows) => {
    expect(textOf(snapshotOf(partitions), columns, rows)).toMatchSnapshot();
  });

  it('fits every screen', () => {
    const [three, many] = [snapshotOf(3), snapshotOf(200)];
    fc.assert(
      fc.property(
        fc.integer({ min: 80, max: 300 }),
        fc.integer({ min: 2, max: 100 }),
        fc.boolean(),
        (columns, rows, few) => {
          const { lines, shown } = frameOf(few ? three : many, { columns, rows });
          expect(lines.length).toBeLessThan(rows);
          for (const { text } of lines) expect(stringWidth(text)).toBeLessThanOrEqual(columns);
          expect(new Set(shown).size).toBe(shown.length);
        },
      ),
    );
  });

  it('leaves a partition in its row while it is at work', () => {
    const size = { columns: 80, rows: 24 };
    let before = frameOf(snapshotOf(200, 4), size).shown;
    for (let looks = 5; looks < 30; looks += 1) {
      const snapshot = snapshotOf(200, looks);
      const { shown } = frameOf(snapshot, size, before);
      for (const [row, name] of before.entries()) {
        const one = snapshot.partitions.find((candidate) => candidate.name === name);
        if (one !== undefined && one.done > 0 && one.done < one.objects) expect(shown[row]).toBe(name);
      }
      before = shown;
    }
  });

  it('shows no rate and nothing of what is left before there is enough to say it from', () => {
    const text = textOf(snapshotOf(3, 2), 80, 24);
    expect(text).toContain('rate     -\nleft     -\n');
  });

  it('is one line elsewhere, and a document for programs', () => {
    expect(lineOf(snapshotOf(3))).toMatchInlineSnapshot(
      `"ferry: 77 of 302 objects, 25%; 77.2 MiB of 577.9 MiB; 3.7 objects/s, 3.6 MiB/s; about 2m 21s (2m 15s to 2m 27s) left; 2 need a person (failed 2)"`,
    );
    expect({ ...progressDocument(snapshotOf(3), false), at: '' }).toMatchSnapshot();
  });
});

it('counts exactly what the ledger has', () => {
  const row = fc.record({
    partition: fc.constantFrom('a', 'b', 'c', 'other'),
    state: fc.constantFrom(...STATES),
    objects: fc.nat({ max: 1e9 }),
    bytes: fc.nat({ max: 1e12 }),
  });
  fc.assert(
    fc.property(fc.array(row), fc.constantFrom('copied', 'verified', 'tombstoned'), (standing, until) => {
      const { counts, errors } = countsOf(standing, ['a', 'b', 'c'], until);
      const mine = standing.filter(({ partition }) => partition !== 'other');
      const sum = (of: readonly { objects: number; bytes: number }[], name: 'objects' | 'bytes'): number =>
        of.reduce((total, one) => total + one[name], 0);
      const all = [...counts.values()];
      expect(sum(all, 'objects')).toBe(sum(mine, 'objects'));
      expect(sum(all, 'bytes')).toBe(sum(mine, 'bytes'));
      const unresolved = all.reduce((total, one) => total + one.unresolved, 0);
      expect(Object.values(errors).reduce((total, n) => total + n, 0)).toBe(unresolved);
      for (const one of all) {
        expect(one.done).toBeLessThanOrEqual(one.objects);
        expect(one.doneBytes).toBeLessThanOrEqual(one.bytes);
        expect(one.unresolved).toBeLessThanOrEqual(one.done);
      }
    }),
  );
});
