import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import type { Routing } from '../../src/ledger/binding.ts';
import { Database } from '../../src/ledger/database.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { isUnresolved, mayMove, STATES, type State } from '../../src/ledger/lifecycle.ts';
import { dumpSchema, migrate, migrations } from '../../src/ledger/schema.ts';
import { tempDir } from '../support/temp.ts';

const routing: Routing = {
  plan: 'p',
  planDigest: 'sha256:1',
  routing: 'sha256:r',
  stores: [
    { name: 'legacy', location: 'file:///legacy' },
    { name: 'dublin', location: 'file:///dublin' },
  ],
  partitions: [{ name: 'all', from: 'legacy', to: 'dublin' }],
};

function openWith(dir: string, keys: readonly string[]): Ledger {
  const ledger = Ledger.open(dir);
  ledger.bind(routing);
  ledger.inventory.begin('legacy', 'start');
  const none = { objects: 0, bytes: 0 };
  ledger.inventory.page(
    'legacy',
    keys.map((key) => ({ partition: 'all', key, size: 10, revision: 'r1' })),
    { after: keys.at(-1), chain: 'c', excluded: none, unassigned: { ...none, sample: [] } },
  );
  return ledger;
}

describe('the ledger file', () => {
  it('is readable by its owner alone', () => {
    const dir = join(tempDir(), 'state');
    Ledger.open(dir).close();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'ledger.db')).mode & 0o777).toBe(0o600);
  });

  it('has the schema of the committed dump', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, ':memory:');
    const committed = readFileSync(new URL('../../src/ledger/schema.sql', import.meta.url), 'utf8');
    expect(dumpSchema(db), 'run `npm run generate` after a change of the migrations').toBe(committed);
  });

  it('of a newer ferry is refused and left as it is', () => {
    const dir = tempDir();
    Ledger.open(dir).close();
    const file = join(dir, 'ledger.db');
    const newer = migrations().length + 1;
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${newer}`);
    db.close();
    expect(() => Ledger.open(dir)).toThrow(/schema is version/);
    expect(() => Ledger.read(dir)).toThrow(/schema is version/);
    expect(new DatabaseSync(file).prepare('PRAGMA user_version').get()?.['user_version']).toBe(newer);
  });

  it('of another program is refused', () => {
    const dir = tempDir();
    const db = new DatabaseSync(join(dir, 'ledger.db'));
    db.exec('CREATE TABLE theirs (x)');
    db.close();
    expect(() => Ledger.open(dir)).toThrow(/another program/);
  });

  it('with another migration history is an integrity fault', () => {
    const dir = tempDir();
    Ledger.open(dir).close();
    const db = new DatabaseSync(join(dir, 'ledger.db'));
    db.exec("UPDATE migration SET digest = 'other'");
    db.close();
    expect(() => Ledger.open(dir)).toThrow(expect.objectContaining({ fault: 'integrity' }));
  });
});

describe('a ledger that was there', () => {
  const integrity = expect.objectContaining({ fault: 'integrity' });

  it.each([0, 1])('and has %i bytes by now is not taken for a new one', (bytes) => {
    const dir = tempDir();
    openWith(dir, ['a']).close();
    truncateSync(join(dir, 'ledger.db'), bytes);
    expect(() => Ledger.open(dir)).toThrow(integrity);
    expect(() => Ledger.read(dir)).toThrow(integrity);
    expect(statSync(join(dir, 'ledger.db')).size).toBe(bytes);
  });

  it('and of which only the log is left is not taken for a new one', () => {
    const dir = tempDir();
    openWith(dir, ['a']).close();
    rmSync(join(dir, 'ledger.db'));
    writeFileSync(join(dir, 'ledger.db-wal'), '');
    expect(() => Ledger.open(dir)).toThrow(integrity);
    expect(() => Ledger.read(dir)).toThrow(integrity);
    expect(readdirSync(dir)).toEqual(['ledger.db-wal']);
  });
});

describe('a ledger whose making was cut off', () => {
  it('never had its name, and is made anew', () => {
    const dir = tempDir();
    for (const side of ['', '-wal', '-shm']) writeFileSync(join(dir, `ledger.db.new${side}`), 'half of it');
    expect(Ledger.read(dir)).toBe(undefined);
    const ledger = openWith(dir, ['a']);
    expect(ledger.queries.count(['planned'])).toBe(1);
    ledger.close();
    expect(readdirSync(dir)).toEqual(['ledger.db']);
  });

  it('has its name only when it is whole, whenever its maker is killed', async () => {
    const dir = tempDir();
    const maker = new URL('../support/ledger-maker.ts', import.meta.url).pathname;
    for (let kill = 0; kill < 4; kill += 1) {
      const child = spawn(process.execPath, [maker, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      // The further, the later: between the first file and the whole ledger.
      await delay(kill * 2);
      child.kill('SIGKILL');
      await once(child, 'exit');
      Ledger.read(dir)?.close();
      const ledger = Ledger.open(dir);
      expect(ledger.isBound).toBe(false);
      ledger.close();
      rmSync(join(dir, 'ledger.db'));
    }
  });
});

describe('statements of a ledger', () => {
  it('are let go of when it is closed', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const dir = tempDir();
    const closed = new Database(join(dir, 'x.db'));
    const made = new WeakRef(closed.prepare('SELECT 1'));
    closed.close();
    await delay(0);
    collect();
    expect(made.deref()).toBe(undefined);
    expect(closed.isOpen).toBe(false);
  });
});

describe('a ledger of before sealed plans', () => {
  it('comes through, and lists anew what it had not counted', () => {
    const dir = tempDir();
    const db = new DatabaseSync(join(dir, 'ledger.db'));
    db.exec('CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT');
    for (const { number, name, sql } of migrations().slice(0, 4)) {
      db.exec(sql);
      db.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(number, name, hash('sha256', sql, 'hex'));
    }
    db.exec(
      "PRAGMA application_id = 0x46455252; PRAGMA user_version = 4; INSERT INTO store VALUES (1, 'a', 'a'), (2, 'b', 'b')",
    );
    const row = db.prepare("INSERT INTO inventory VALUES (?, 1, 'k', ?, 'c', ?, 0, 0, 0, 0, '[]', 7)");
    row.run(1, 1, 'd');
    row.run(2, 0, null);
    db.close();
    const ledger = Ledger.open(dir);
    expect(ledger.inventory.state('a')).toMatchObject({ pass: 1, after: 'k', complete: true, digest: 'd', begunAt: 7 });
    expect(ledger.inventory.state('b')).toMatchObject({ pass: 0, after: undefined, complete: false });
    expect(ledger.seals.find()).toBeUndefined();
    ledger.close();
  });
});

describe('sealed plans and approvals', () => {
  it('are remembered; that sources agreed with one is not forgotten', () => {
    let now = 1;
    const clock = { now: () => now++, sleep: async () => undefined };
    const ledger = Ledger.open(tempDir(), { clock });
    ledger.seals.record('sha256:1', 'one', true);
    ledger.seals.record('sha256:2', 'two', false);
    expect(ledger.seals.find()).toEqual({ digest: 'sha256:2', text: 'two', compared: false });
    ledger.seals.record('sha256:1', 'one', false);
    expect(ledger.seals.find()).toEqual({ digest: 'sha256:1', text: 'one', compared: true });
    const approval = { digest: 'sha256:e', text: 'envelope', approver: 'ann' };
    for (const what of ['tombstone', 'tombstone', 'purge']) ledger.seals.recordApproval('sha256:1', what, approval);
    expect(ledger.seals.approvals('sha256:1')).toEqual([{ text: 'envelope', approver: 'ann' }]);
    expect(ledger.seals.approvals('sha256:2')).toEqual([]);
    ledger.close();
  });
});

describe('moves', () => {
  it('are those of the table and no others, for every pair of states', async () => {
    for (const from of STATES) {
      for (const to of STATES) {
        const ledger = openWith(tempDir(), ['k']);
        const row = { ...ledger.queries.byId(1), state: from };
        forceState(ledger, from);
        const moved = ledger.move(row, to).then(
          () => true,
          () => false,
        );
        expect(await moved, `${from} -> ${to}`).toBe(from === to || mayMove(from, to));
        ledger.close();
      }
    }
  });

  it('never leave tombstoned for anything from which the source could be copied over', () => {
    for (const to of STATES) {
      if (mayMove('tombstoned', to)) expect(['purged', 'restored', 'conflict', 'held', 'failed']).toContain(to);
    }
    expect(STATES.filter((state) => mayMove(state, 'tombstoned'))).toEqual(['verified']);
  });

  it('of an object that is in another state by now reject alone', async () => {
    const ledger = openWith(tempDir(), ['a', 'b']);
    const [a, b] = [ledger.queries.byId(1), ledger.queries.byId(2)];
    const results = await Promise.allSettled([
      ledger.move(a, 'copied', { sha256: 'x' }),
      ledger.move(a, 'copied', { sha256: 'y' }),
      ledger.move(b, 'copied', { sha256: 'z' }),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ledger.queries.byId(1).sha256).toBe('x');
    expect(ledger.queries.byId(2).sha256).toBe('z');
    ledger.close();
  });

  it('are on disk when their promise resolves', async () => {
    const dir = tempDir();
    const ledger = openWith(dir, ['a']);
    await ledger.move(ledger.queries.byId(1), 'copied', { sha256: 'x' });
    const reader = Ledger.read(dir);
    expect(reader?.queries.byId(1).state).toBe('copied');
    reader?.close();
    ledger.close();
  });

  it('keep the tally equal to a count of the rows, whatever happens', async () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 5 }), to: fc.constantFrom(...STATES), size: fc.nat(1000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const dir = tempDir();
        const ledger = openWith(dir, ['a', 'b', 'c', 'd', 'e']);
        for (const { id, to, size } of steps) {
          const row = ledger.queries.byId(id);
          if (mayMove(row.state, to)) await ledger.move(row, to, { size });
        }
        const counted = countRows(dir);
        const tally = ledger.queries.tallies()[0];
        expect(tally?.objects).toBe(5);
        expect(tally?.bytes).toBe(counted.bytes);
        for (const state of STATES) expect(tally?.states[state]).toBe(counted.states[state] ?? 0);
        ledger.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe('an inventory', () => {
  const none = { objects: 0, bytes: 0 };
  const again = (ledger: Ledger, revision: string): State => {
    ledger.inventory.page('legacy', [{ partition: 'all', key: 'k', size: 11, revision }], {
      after: 'k',
      chain: 'c',
      excluded: none,
      unassigned: { ...none, sample: [] },
    });
    return ledger.queries.byId(1).state;
  };

  it('takes the newest size and revision of what is only planned', () => {
    const ledger = openWith(tempDir(), ['k']);
    expect(again(ledger, 'r2')).toBe('planned');
    expect(ledger.queries.byId(1)).toMatchObject({ size: 11, revision: 'r2' });
    ledger.close();
  });

  it('finds that a copied object was written again', async () => {
    const ledger = openWith(tempDir(), ['k']);
    await ledger.move(ledger.queries.byId(1), 'copied', { sha256: 'x' });
    expect(again(ledger, 'r1')).toBe('copied');
    expect(again(ledger, 'r2')).toBe('conflict');
    expect(isUnresolved(ledger.queries.byId(1).state)).toBe(true);
    ledger.close();
  });

  it('leaves an object alone whose tombstone was begun: the marker may be what is listed', async () => {
    const ledger = openWith(tempDir(), ['k']);
    await ledger.move(ledger.queries.byId(1), 'copied', { sha256: 'x' });
    await ledger.move(ledger.queries.byId(1), 'verified');
    await ledger.note(ledger.queries.byId(1), { intent: { step: 'tombstone', at: 1, holdUntil: 2, revision: 'r1' } });
    expect(again(ledger, 'marker')).toBe('verified');
    ledger.close();
  });
});

describe('a plan', () => {
  it('of another name is refused', () => {
    const ledger = openWith(tempDir(), ['k']);
    expect(() => ledger.bind({ ...routing, plan: 'other' })).toThrow(FerryError);
    ledger.close();
  });

  it('may change its routing, but not under objects that were copied', async () => {
    const ledger = openWith(tempDir(), ['k']);
    const changed: Routing = {
      ...routing,
      routing: 'sha256:other',
      partitions: [{ name: 'most', from: 'legacy', to: 'dublin' }],
    };
    ledger.bind(changed);
    expect(ledger.queries.tallies()).toMatchObject([{ partition: 'most', objects: 0 }]);
    ledger.bind(routing);
    ledger.inventory.begin('legacy', 'start');
    ledger.inventory.page('legacy', [{ partition: 'all', key: 'k', size: 1, revision: 'r' }], {
      after: 'k',
      chain: 'c',
      excluded: none(),
      unassigned: { ...none(), sample: [] },
    });
    const [row] = ledger.queries.next('planned', 0, 1);
    if (row === undefined) throw new Error('no row');
    await ledger.move(row, 'copied', { sha256: 'x' });
    expect(() => ledger.bind(changed)).toThrow(expect.objectContaining({ fault: 'refused' }));
    const [legacy, dublin] = routing.stores;
    if (legacy === undefined || dublin === undefined) throw new Error('no stores');
    const elsewhere = { ...routing, stores: [legacy, { ...dublin, location: 'file:///elsewhere' }] };
    expect(() => ledger.bind(elsewhere)).toThrow(expect.objectContaining({ fault: 'refused' }));
    ledger.bind({
      ...routing,
      routing: 'sha256:more',
      partitions: [{ name: 'first', from: 'legacy', to: 'dublin' }, ...routing.partitions],
    });
    expect(ledger.queries.tallies().map(({ partition, objects }) => [partition, objects])).toEqual([
      ['all', 1],
      ['first', 0],
    ]);
    expect(ledger.inventory.state('legacy')).toBeUndefined();
    ledger.close();
  });
});

function none(): { objects: number; bytes: number } {
  return { objects: 0, bytes: 0 };
}

function forceState(ledger: Ledger, state: State): void {
  const file = ledgerFile(ledger);
  const db = new DatabaseSync(file);
  db.prepare('UPDATE object SET state = ? WHERE id = 1').run(state);
  db.close();
}

function ledgerFile(ledger: Ledger): string {
  return join(ledger.stateDir, 'ledger.db');
}

function countRows(dir: string): { bytes: number; states: Partial<Record<State, number>> } {
  const db = new DatabaseSync(join(dir, 'ledger.db'), { readOnly: true });
  const states: Partial<Record<State, number>> = {};
  for (const row of db.prepare('SELECT state, count(*) AS n FROM object GROUP BY state').all()) {
    states[String(row['state']) as State] = Number(row['n']);
  }
  const bytes = Number(db.prepare('SELECT sum(size) AS bytes FROM object').get()?.['bytes']);
  db.close();
  return { bytes, states };
}

describe('what stores were shown to do', () => {
  it('is not forgotten when a later try could not tell', () => {
    const ledger = Ledger.open(tempDir());
    ledger.bind(routing);
    const shown = (): boolean | undefined => ledger.probes.result('legacy', 'replace-if-unchanged');
    expect(shown()).toBeUndefined();
    ledger.probes.recordUnknown('legacy', 'replace-if-unchanged');
    expect(shown()).toBeUndefined();
    ledger.probes.record('legacy', 'replace-if-unchanged', false);
    ledger.probes.recordUnknown('legacy', 'replace-if-unchanged');
    expect(shown()).toBe(false);
    ledger.probes.record('legacy', 'replace-if-unchanged', true);
    expect(shown()).toBe(true);
    expect(ledger.probes.result('dublin', 'replace-if-unchanged')).toBeUndefined();
    ledger.close();
  });
});

describe('what was reached', () => {
  const call = { operator: 'oli', host: 'box', jurisdiction: 'IE', partitions: [], version: '1' };
  const begin = (ledger: Ledger): string => ledger.access.begin({ ...call, command: 'run' });

  const row = { host: 's3.hamar.example', address: '192.0.2.7', port: 443, bytesIn: 5, bytesOut: 7, connections: 2 };

  it('is kept by invocation, and what a server showed with its date', () => {
    const ledger = Ledger.open(tempDir());
    ledger.bind(routing);
    const [first, second, third] = [begin(ledger), begin(ledger), begin(ledger)];
    expect(ledger.reach.last()).toEqual([]);
    const named = { store: 'dublin', ...row };
    ledger.reach.record(first, [named, { store: undefined, ...row }]);
    ledger.reach.record(second, [named]);
    ledger.reach.record(second, [{ ...named, bytesIn: 9 }]);
    expect(ledger.reach.of(first)).toEqual([{ store: undefined, ...row }, named]);
    expect(ledger.reach.of(second)).toEqual([{ ...named, bytesIn: 9 }]);
    expect(ledger.reach.of(third)).toEqual([]);
    expect(ledger.reach.last()).toEqual(ledger.reach.of(second));
    const seen = { host: row.host, addresses: [row.address], region: undefined, pin: 'sha256/x' };
    expect(ledger.reach.observed('dublin')).toBeUndefined();
    ledger.reach.observe('dublin', { ...seen, region: 'old' });
    ledger.reach.observe('dublin', seen);
    expect(ledger.reach.observed('dublin')).toEqual({ ...seen, observedAt: expect.any(Number) });
    expect(ledger.reach.observed('legacy')).toBeUndefined();
    const stores = routing.stores.map(({ name }) => ({ name, location: `file:///elsewhere/${name}` }));
    ledger.bind({ ...routing, routing: 'sha256:moved', stores });
    expect(ledger.reach.observed('dublin'), 'of where it was before').toBeUndefined();
    expect(ledger.reach.of(first)).toHaveLength(2);
    ledger.close();
  });

  it('can be kept in a ledger of a ferry that did not keep it yet', () => {
    const dir = tempDir();
    const before = Ledger.open(dir);
    before.bind(routing);
    const run = begin(before);
    before.close();
    const number = migrations().find(({ name }) => name.includes('egress'))?.number ?? 0;
    const db = new DatabaseSync(join(dir, 'ledger.db'));
    db.exec(`DROP TABLE egress; DROP TABLE observed; DELETE FROM migration WHERE number = ${number}`);
    db.close();
    const after = Ledger.open(dir);
    expect(after.reach.of(run)).toEqual([]);
    after.reach.record(run, [{ store: 'dublin', ...row }]);
    expect(after.reach.of(run)).toHaveLength(1);
    after.close();
  });
});
