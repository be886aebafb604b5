import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { drivePlan, rowOf } from '../support/drive-plan.ts';
import { type Laid, layOut } from '../support/plan.ts';

const KEY = 'users/NO/a';

/** A ledger that does not say which revision the copy has, and a centre that has none. */
function forgetCopy(laid: Laid): void {
  const db = new DatabaseSync(join(laid.dir, 'state', 'ledger.db'));
  db.exec('UPDATE object SET centre_revision = NULL');
  db.close();
  rmSync(join(laid.hamar, KEY));
}

describe('a copy that is neither at the centre nor in the ledger', () => {
  it('is no copy that was verified: the source is left as it is', async () => {
    const laid = layOut({ finish: 'verified' }, { [KEY]: 'first' });
    await drivePlan(laid, 'run');
    forgetCopy(laid);
    const document = JSON.parse(readFileSync(laid.plan, 'utf8'));
    writeFileSync(laid.plan, JSON.stringify({ ...document, finish: 'tombstoned' }));
    expect((await drivePlan(laid, 'run')).totals.states.conflict).toBe(1);
    expect(readFileSync(join(laid.legacy, KEY), 'utf8')).toBe('first');
  });

  it('does not let old bytes go that nothing else has', async () => {
    const laid = layOut({ tombstone: { keep: 'centre' } }, { [KEY]: 'first' });
    // The ledger's first word of the tombstone comes before the old bytes go.
    await drivePlan(laid, 'run', {
      listener: (event) => {
        if (event.type === 'moved' && event.to === 'tombstoned') throw new Error('stopped before the old bytes went');
      },
    }).catch(() => undefined);
    expect(rowOf(laid, KEY)?.tombstone?.leaving).toBeDefined();
    forgetCopy(laid);
    await drivePlan(laid, 'run');
    expect(rowOf(laid, KEY)?.reason).toContain('the old bytes are kept');
    expect((await drivePlan(laid, 'restore')).totals.states.restored).toBe(1);
    expect(readFileSync(join(laid.legacy, KEY), 'utf8')).toBe('first');
  });
});
