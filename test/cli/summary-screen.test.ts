import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { screenSummary } from '../../src/cli/summary-screen.ts';
import { noStates } from '../../src/ledger/lifecycle.ts';
import type { Summary } from '../../src/migration/summary.ts';

function summaryOf(count: number, people: readonly number[], key = 'users/kari'): Summary {
  const partitions = Array.from({ length: count }, (_, at) => {
    const failed = people.includes(at) ? 2 : 0;
    const states = { ...noStates(), verified: 10 - failed, failed };
    return { name: `region-${String(at + 1).padStart(3, '0')}`, objects: 10, bytes: (at + 1) * 1000, states };
  });
  const states = { ...noStates(), verified: 10 * count - 2 * people.length, failed: 2 * people.length };
  return {
    plan: 'big',
    digest: `sha256:${'a'.repeat(64)}`,
    finish: 'verified',
    totals: { objects: 10 * count, bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0), states },
    partitions,
    unresolved: people.flatMap((at) =>
      [1, 2].map((n) => ({
        key: `${key}${n}`,
        partition: `region-${String(at + 1).padStart(3, '0')}`,
        state: 'failed' as const,
        reason: `a reason as long as they are, which goes on and on, and on, until it is off the screen: ${key}`,
      })),
    ),
    integrityFailures: 0,
  };
}

describe('the summary on a screen', () => {
  it('of three partitions is whole', () => {
    expect(
      screenSummary(summaryOf(3, []), { objects: 30, bytes: 6000 }, 5, { columns: 80, rows: 24 }),
    ).toMatchSnapshot();
  });

  it('of 200 partitions fits 24 lines: who needs a person first, then the largest, then how many more', () => {
    const text = screenSummary(summaryOf(200, [7, 30]), { objects: 2000, bytes: 1e6 }, 65, { columns: 80, rows: 24 });
    expect(text).toMatchSnapshot();
  });

  it('fits every screen from 24 lines on, and gives no orders to it', () => {
    const key = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));
    const people = fc.uniqueArray(fc.nat({ max: 199 }), { maxLength: 60 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        people,
        key,
        fc.integer({ min: 24, max: 100 }),
        fc.integer({ min: 40, max: 250 }),
        (count, at, name, rows, columns) => {
          const summary = summaryOf(
            count,
            at.filter((one) => one < count),
            name,
          );
          const lines = screenSummary(summary, { objects: 1, bytes: 1 }, 1, { columns, rows }).split('\n');
          expect(lines.length).toBeLessThan(rows);
          for (const line of lines) {
            expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
            expect(stringWidth(line)).toBeLessThanOrEqual(columns);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
