import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { migrations } from '../../src/ledger/schema.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';

const NEWEST = migrations().length;

/** A ledger as the ferry of that version left it after a run to `copied`: made by its migrations, with rows of the present one. */
async function withLedgerOf(version: number) {
  const laid = layOut({ finish: 'copied' });
  expect((await ferry(['run', laid.plan, '--progress', 'none'])).code).toBe(0);
  const stateDir = join(laid.dir, '.ferry', 'test');
  const file = join(stateDir, 'ledger.db');
  const newer = join(laid.dir, 'newer.db');
  const present = new DatabaseSync(file);
  present.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE');
  present.close();
  copyFileSync(file, newer);
  rmSync(file);
  const old = new DatabaseSync(file);
  old.exec('PRAGMA journal_mode = WAL; PRAGMA application_id = 0x46455252');
  old.exec('CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT');
  for (const { number, name, sql } of migrations().slice(0, version)) {
    old.exec(sql);
    const digest = createHash('sha256').update(sql).digest('hex');
    old.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(number, name, digest);
  }
  old.exec(`PRAGMA user_version = ${version}; ATTACH '${newer}' AS newer`);
  for (const table of ['ledger', 'store', 'partition', 'inventory', 'object']) {
    const columns = old
      .prepare(`PRAGMA main.table_info(${table})`)
      .all()
      .map(({ name }) => `"${name}"`)
      .join(', ');
    old.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM newer.${table}`);
  }
  old.close();
  return { laid, stateDir, file };
}

const versionOf = (file: string): number => {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  } finally {
    db.close();
  }
};

it.each([1, NEWEST - 1])('a ledger of version %i is copied, then upgraded, and goes on', async (version) => {
  const { laid, stateDir, file } = await withLedgerOf(version);
  const asked = ['upgrade-state', laid.plan, '--json'];
  const missing = migrations()
    .slice(version)
    .map(({ name }) => name);

  const dry = documentOf(await ferry([...asked, '--dry-run']));
  expect(dry).toEqual({ ledger: file, from: version, to: NEWEST, migrations: missing, backup: null, upgraded: false });
  expect(versionOf(file)).toBe(version);

  const done = documentOf<{ backup: string }>(await ferry(asked));
  expect(done).toMatchObject({ from: version, to: NEWEST, migrations: missing, upgraded: true });
  expect(versionOf(file)).toBe(NEWEST);
  expect(versionOf(done.backup)).toBe(version);
  expect(statSync(done.backup).mode & 0o777).toBe(0o600);
  expect(readdirSync(stateDir)).toContain(done.backup.split('/').at(-1));

  const again = await ferry(['upgrade-state', laid.plan]);
  expect(again.stdout).toContain('nothing to do');
  expect(readdirSync(stateDir).filter((name) => name.startsWith('ledger-v'))).toHaveLength(1);
  const status = documentOf(await ferry(['status', laid.plan, '--json']));
  expect(status).toMatchObject({ totals: { objects: 5, states: { copied: 5 } } });
  expect((await ferry(['verify', laid.plan])).code).toBe(0);
});

it('refuses a newer ledger and none, and changes nothing', async () => {
  const laid = layOut();
  const none = await ferry(['upgrade-state', laid.plan]);
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('there is none');
  expect(existsSync(join(laid.dir, '.ferry'))).toBe(false);

  const { laid: newer, file, stateDir } = await withLedgerOf(1);
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA user_version = 999');
  db.close();
  const before = readFileSync(file);
  const refused = await ferry(['upgrade-state', newer.plan]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('version 999');
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(stateDir).filter((name) => name.startsWith('ledger-v'))).toEqual([]);
});

it.each([
  ['the head', 'head'],
  ['a table', 'table'],
])('refuses a ledger of which %s is damaged, and changes neither it nor an older copy', async (_what, where) => {
  const { laid, stateDir, file } = await withLedgerOf(NEWEST - 1);
  const db = new DatabaseSync(file);
  const { rootpage, size } = db
    .prepare(
      "SELECT rootpage, (SELECT page_size FROM pragma_page_size) AS size FROM sqlite_schema WHERE name = 'object'",
    )
    .get() as { rootpage: number; size: number };
  db.exec('PRAGMA journal_mode = DELETE');
  db.close();
  const older = join(stateDir, 'ledger-v1-20260101T000000Z.db');
  copyFileSync(file, older);
  const bytes = readFileSync(file);
  const [from, to] = where === 'table' ? [(rootpage - 1) * size, rootpage * size] : [0, 100];
  bytes.fill(0xff, from, to);
  writeFileSync(file, bytes);
  const kept = readFileSync(older);
  const ended = await ferry(['upgrade-state', laid.plan, '--json']);
  expect(ended.code, ended.stdout + ended.stderr).toBe(5);
  expect(documentOf(ended)).toMatchObject({ error: { fault: 'integrity' } });
  expect(readFileSync(file).equals(bytes)).toBe(true);
  expect(readFileSync(older).equals(kept)).toBe(true);
});
