import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

/** A database of somebody else's. */
function foreign(file: string): Buffer {
  const db = new DatabaseSync(file);
  db.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES ('precious')");
  db.close();
  return readFileSync(file);
}

describe('a state directory that is not as ferry left it', () => {
  it("with another program's database is refused, and the file stays as it was", async () => {
    const { plan } = layOut();
    const state = tempDir();
    const file = join(state, 'ledger.db');
    const before = foreign(file);
    for (const command of ['status', 'run']) {
      const { code, stderr } = await ferry([command, plan, '--state', state]);
      expect(code, stderr).toBe(2);
      expect(stderr).toContain('a database of another program');
      expect(stderr).not.toContain('    at ');
    }
    expect(readFileSync(file)).toEqual(before);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  it.each(['lock.db', 'ledger.db'])('with a %s that is no database ends with 5', async (name) => {
    const { plan, legacy } = layOut();
    const state = tempDir();
    writeFileSync(join(state, name), 'no database at all\n'.repeat(200));
    const { code, stderr } = await ferry(['run', plan, '--state', state]);
    expect(code, stderr).toBe(5);
    expect(stderr).not.toContain('    at ');
    expect(readFileSync(join(legacy, 'users/NO/kari/a.json'), 'utf8')).toBe('{"n":1}');
  });

  it('cut after a run is refused, and nothing is written over it', async () => {
    const { plan, dir } = layOut();
    expect((await ferry(['run', plan])).code).toBe(0);
    const state = join(dir, '.ferry/test');
    const file = join(state, 'ledger.db');
    for (const left of [4096, 511, 100, 1]) {
      truncateSync(file, left);
      const before = readFileSync(file);
      for (const open of [() => Ledger.read(state), () => Ledger.open(state)])
        expect(open).toThrow(expect.objectContaining({ fault: 'integrity' }));
      expect(readFileSync(file)).toEqual(before);
    }
    const { code, stderr } = await ferry(['status', plan]);
    expect(code, stderr).toBe(5);
    expect(stderr).not.toContain('    at ');
  });

  it('with a folder in the place of its files is refused', async () => {
    const { plan } = layOut();
    const state = tempDir();
    mkdirSync(join(state, 'ledger.db'));
    for (const command of ['status', 'run']) {
      const { code, stderr } = await ferry([command, plan, '--state', state]);
      expect([2, 5], stderr).toContain(code);
      expect(stderr).not.toContain('    at ');
    }
  });
});
