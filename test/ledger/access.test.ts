import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { openAccessLog } from '../../src/ledger/access-book.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { migrations } from '../../src/ledger/schema.ts';
import { tempDir } from '../support/temp.ts';

const access = {
  command: 'run',
  operator: 'ops@example.eu',
  host: 'here',
  jurisdiction: 'IE',
  partitions: ['nordic', 'rest'],
  version: '1.2.3',
};

function opened(): { ledger: Ledger; dir: string; db: DatabaseSync } {
  const dir = tempDir();
  const ledger = Ledger.open(dir);
  const db = new DatabaseSync(join(dir, 'ledger.db'));
  onTestFinished(() => {
    ledger.close();
    db.close();
  });
  return { ledger, dir, db };
}

it('tells what began and how it ended, in order', () => {
  const { ledger } = opened();
  const first = ledger.access.begin(access);
  const second = ledger.access.begin({ ...access, command: 'verify', jurisdiction: undefined });
  ledger.access.end(first, 'unresolved');
  const all = [...ledger.access.all()];
  expect(all).toMatchObject([
    { ...access, invocation: first, outcome: 'unresolved' },
    {
      ...access,
      command: 'verify',
      jurisdiction: undefined,
      invocation: second,
      outcome: undefined,
      endedAt: undefined,
    },
  ]);
  expect(all[0]?.endedAt).toBeGreaterThanOrEqual(all[0]?.beganAt ?? Number.NaN);
  expect(ledger.access.last(1)).toEqual(all.slice(1));
});

it.each([
  "UPDATE access SET operator = 'someone else'",
  'UPDATE access SET at = 0',
  'DELETE FROM access',
  "INSERT OR REPLACE INTO access (id, invocation, event, at, outcome) SELECT id, invocation, 'end', at, 'done' FROM access",
  "INSERT OR REPLACE INTO access (invocation, event, at, outcome) SELECT invocation, 'end', 1, 'other' FROM access",
  "INSERT INTO access (invocation, event, at, outcome) VALUES ('nobody', 'end', 1, 'done')",
])('is only added to: %s', (sql) => {
  const { ledger, db } = opened();
  ledger.access.end(ledger.access.begin(access), 'done');
  const before = [...ledger.access.all()];
  expect(() => db.exec(sql)).toThrow(/only added to|no such invocation/);
  expect([...ledger.access.all()]).toEqual(before);
});

it('takes rows beside whoever has the ledger open for writing', () => {
  const { ledger, dir } = opened();
  const run = ledger.access.begin(access);
  {
    using log = openAccessLog(dir);
    log?.access.end(log.access.begin({ ...access, command: 'status' }), 'done');
  }
  ledger.access.end(run, 'done');
  expect([...ledger.access.all()].map(({ command, outcome }) => [command, outcome])).toEqual([
    ['run', 'done'],
    ['status', 'done'],
  ]);
});

it('makes no ledger, and leaves one of another schema alone', () => {
  const dir = tempDir();
  expect(openAccessLog(dir)).toBeUndefined();
  const { dir: other, db } = opened();
  db.exec('PRAGMA user_version = 4');
  expect(openAccessLog(other)).toBeUndefined();
});

it('comes to a ledger of before, whose rows stay', () => {
  const dir = tempDir();
  const old = new DatabaseSync(join(dir, 'ledger.db'));
  old.exec(`PRAGMA application_id = ${0x46455252}`);
  old.exec('CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT');
  const added = migrations().find(({ name }) => name.includes('access'))?.number ?? 0;
  for (const { number, name, sql } of migrations().slice(0, added - 1)) {
    old.exec(sql);
    const digest = createHash('sha256').update(sql).digest('hex');
    old.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(number, name, digest);
    old.exec(`PRAGMA user_version = ${number}`);
  }
  old.exec("INSERT INTO run (command, started_at, updated_at) VALUES ('run', 1, 2)");
  old.close();
  expect(openAccessLog(dir)).toBeUndefined();
  const ledger = Ledger.open(dir);
  onTestFinished(() => ledger.close());
  ledger.access.begin(access);
  expect([...ledger.access.all()]).toHaveLength(1);
  expect(ledger.runs.last()).toMatchObject({ command: 'run', startedAt: 1 });
});
