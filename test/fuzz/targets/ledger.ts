import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asLedgerFault } from '../../../src/ledger/faults.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { summarise } from '../../../src/migration/summary.ts';
import { loadPlan } from '../../../src/plan/load.ts';
import { ferry } from '../../support/cli.ts';
import { planDocument } from '../../support/plan.ts';
import { changed, changes } from '../mutate.ts';
import { checkError, tame } from '../tame.ts';
import type { Target } from '../target.ts';

const PAGE = 4096;

type Damage =
  | { readonly page: number; readonly how: 'zeros' | 'ones' | 'noise' | 'other'; readonly other: number }
  | { readonly cut: number };

const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      page: fc.nat(10_000),
      how: fc.constantFrom('zeros', 'ones', 'noise', 'other'),
      other: fc.nat(10_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ cut: fc.integer({ min: 1, max: 0xff_ffff }) }) },
);

function damaged(whole: Buffer, how: Damage): Buffer {
  if ('cut' in how) return Buffer.from(whole.subarray(0, Math.ceil((how.cut / 0x100_0000) * whole.length)));
  const bytes = Buffer.from(whole);
  const pages = whole.length / PAGE;
  const page = bytes.subarray((how.page % pages) * PAGE, ((how.page % pages) + 1) * PAGE);
  if (how.how === 'zeros') page.fill(0);
  else if (how.how === 'ones') page.fill(0xff);
  else if (how.how === 'noise') for (let i = 0; i < PAGE; i += 1) page[i] = (i * 2654435761) >>> 24;
  else whole.copy(page, 0, (how.other % pages) * PAGE, ((how.other % pages) + 1) * PAGE);
  return bytes;
}

/**
 * The ledger of a real run with damage to a page, cut short, or with bytes changed anywhere. SQLite has no digest of a page's content:
 * where only a value was changed, what comes out may be another one, but no crash; a whole page that is wrong, or missing, is found or
 * not needed.
 */
export const ledger: Target = {
  name: 'ledger',
  runs: 150,
  begin: async (dir) => {
    const file = join(dir, 'plan.json');
    mkdirSync(join(dir, 'legacy/users/NO'), { recursive: true });
    for (let i = 0; i < 300; i += 1) writeFileSync(join(dir, `legacy/users/NO/object-${i}`), `of ${i}`);
    writeFileSync(file, JSON.stringify({ ...planDocument(), exclude: [] }));
    const ran = await ferry(['run', file]);
    if (ran.code !== 0) throw new Error(ran.stderr);
    const whole = readFileSync(join(dir, '.ferry/test/ledger.db'));
    const loaded = await loadPlan(file, {});
    if (!loaded.ok) throw new Error('the plan does not load');
    const state = join(dir, 'state');

    /** What `status` and the like tell. */
    const told = (): string => {
      const read = Ledger.read(state);
      try {
        const { totals, partitions, unresolved } = summarise(loaded.plan, read ?? nothing());
        const runs = read?.runs.last();
        return JSON.stringify({ totals, partitions, unresolved, runs, access: read?.access.last(20) });
      } finally {
        read?.close();
      }
    };
    const reopened = (): void => Ledger.open(state).close();
    const put = (bytes: Uint8Array): void => {
      rmSync(state, { recursive: true, force: true });
      mkdirSync(state);
      writeFileSync(join(state, 'ledger.db'), bytes);
    };
    const faulty = async <T>(work: () => T) =>
      await tame(() => {
        try {
          return work();
        } catch (error) {
          throw asLedgerFault(error);
        }
      });
    put(whole);
    const right = told();

    const property = fc.asyncProperty(fc.oneof(damage, changes), async (how) => {
      const bytes = Array.isArray(how) ? changed(whole, how) : damaged(whole, how as Damage);
      if (bytes.length === 0) return;
      put(bytes);
      const ended = await faulty(told);
      if (Buffer.compare(readFileSync(join(state, 'ledger.db')), bytes) !== 0)
        throw new Error('a command that only reads has changed the file');
      // A page in the place of another one may be as good as that one to SQLite: docs/fuzzing.md.
      const mayPass = Array.isArray(how) || ('how' in (how as Damage) && (how as { how?: string }).how === 'other');
      if (ended.ok && !mayPass && ended.value !== right)
        throw new Error(`a wrong answer, and no word of it: ${ended.value}`);
      const opened = await faulty(reopened);
      if (!opened.ok) checkError(opened.error);
    });
    return { property };
  },
};

function nothing(): never {
  throw new Error('the ledger is taken for one that has not begun');
}
