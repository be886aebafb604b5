import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openSigner } from '../../src/base/key-file.ts';
import { type Approvable, signApproval } from '../../src/policy/approvals.ts';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { sshAgent, sshKey } from '../support/ssh.ts';
import { digestsIn } from '../support/tree.ts';

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly error?: { readonly why: string };
}

/** A plan on folders with approvers ann (IE), bo (NO) and sam (SE), who have keys of ssh-keygen. */
function approved(change: object = {}, approvals = 2) {
  const laid = layOut();
  const keys = { ann: sshKey(laid.dir, 'ann'), bo: sshKey(laid.dir, 'bo'), sam: sshKey(laid.dir, 'sam') };
  const write = (more: object = {}): void =>
    writeFileSync(
      laid.plan,
      JSON.stringify({
        ...planDocument(),
        approvers: [
          { name: 'ann', jurisdiction: 'IE', key: readFileSync(keys.ann.publicFile, 'utf8').trim() },
          { name: 'bo', jurisdiction: 'NO', key: './bo.pub' },
          { name: 'sam', jurisdiction: 'SE', key: './sam.pub' },
        ],
        tombstone: { hold: '0s', approvals },
        ...change,
        ...more,
      }),
    );
  write();
  const sealed = join(laid.dir, 'sealed.json');
  const call = async (command: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, laid.plan, '--json', ...more]);
  const seal = async (): Promise<string> => {
    const ended = await call('plan', '--out', sealed);
    expect(ended.code, ended.stderr).toBe(0);
    return documentOf<{ sealed: { digest: string } }>(ended).sealed.digest;
  };
  const approve = async (who: 'ann' | 'bo' | 'sam', ...more: string[]): Promise<string> => {
    const ended = await ferry(['approve', sealed, '--key', keys[who].file, '--json', ...more]);
    expect(ended.code, ended.stderr).toBe(0);
    return documentOf<{ file: string }>(ended).file;
  };
  /** An approval that `ferry approve` would not make. */
  const forge = async (name: string, jurisdiction: string, change2: Record<string, unknown>, signWith = name) => {
    const signer = await openSigner(join(laid.dir, signWith), undefined);
    const named = await openSigner(join(laid.dir, name), undefined);
    const digest = `sha256:${(await import('node:crypto')).hash('sha256', readFileSync(sealed))}`;
    const statement = {
      plan: 'test',
      sealed: digest,
      approver: name,
      jurisdiction,
      keyid: named.key.id,
      at: new Date().toISOString(),
      until: new Date(Date.now() + 3_600_000).toISOString(),
      what: ['tombstone' as Approvable],
      ...change2,
    };
    const file = join(laid.dir, `forged-${forged++}`);
    writeFileSync(file, await signApproval(statement, { ...signer, key: named.key }));
    return file;
  };
  let forged = 0;
  const run = async (...files: string[]): Promise<Ended> =>
    await call('run', '--sealed', sealed, ...files.flatMap((file) => ['--approval', file]));
  return { ...laid, keys, sealed, write, call, seal, approve, forge, run };
}

const statesOf = (ended: Ended) => documentOf<RunDocument>(ended).totals.states;

it('goes from a sealed plan over approvals to tombstones, and on without files', async () => {
  const { dir, legacy, sealed, call, seal, approve, run } = approved();
  const digest = await seal();
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(statSync(sealed).mode & 0o777).toBe(0o600);
  // The same sources, the same plan: all but the time is the same again.
  const first = JSON.parse(readFileSync(sealed, 'utf8'));
  await seal();
  expect({ ...JSON.parse(readFileSync(sealed, 'utf8')), at: '' }).toEqual({ ...first, at: '' });
  const files = [await approve('ann'), await approve('bo', '--for', '1h', '--what', 'tombstone,purge')];
  expect((await call('run', '--until', 'verified')).code).toBe(0);
  const before = digestsIn(legacy);
  const missing = await call('run');
  expect(missing.code).toBe(3);
  expect(missing.stderr).toContain('it asks for 2 approvals');
  const one = await run(...files.slice(0, 1));
  expect(one.code).toBe(3);
  expect(one.stderr).toContain('1 of 2 approvals count');
  expect(digestsIn(legacy)).toEqual(before);
  const ran = await run(...files);
  expect(ran.code, ran.stderr).toBe(0);
  expect(statesOf(ran)['tombstoned']).toBe(5);
  // A late writer comes, and a run that goes on needs no file.
  writeFileSync(join(legacy, 'users/NO/kari/late'), 'late');
  const again = await call('run');
  expect(again.code, again.stderr).toBe(0);
  expect(statesOf(again)['tombstoned']).toBe(6);
  const db = new DatabaseSync(join(dir, '.ferry/test/ledger.db'), { readOnly: true });
  const rows = db.prepare('SELECT approver, what, seal, envelope FROM approval ORDER BY approver').all();
  db.close();
  expect(rows.map(({ approver, what, seal: to }) => [approver, what, to])).toEqual([
    ['ann', 'tombstone', documentDigest(sealed)],
    ['bo', 'tombstone', documentDigest(sealed)],
  ]);
  expect(rows.map(({ envelope }) => envelope)).toEqual(files.map((file) => readFileSync(file, 'utf8')));
});

function documentDigest(file: string): string {
  const approvalText = readFileSync(`${file}.ann.approval`, 'utf8');
  const payload = Buffer.from((JSON.parse(approvalText) as { payload: string }).payload, 'base64').toString();
  return (JSON.parse(payload) as { sealed: string }).sealed;
}

describe('refuses with exit code 3, and no byte moves,', () => {
  type World = ReturnType<typeof approved>;
  const cases: Readonly<Record<string, [make: (world: World) => Promise<string>, why: RegExp]>> = {
    'what another key signed': [(w) => w.forge('bo', 'NO', {}, 'sam'), /forged: it was signed with the key of sam/],
    'what a key signed that is nobody’s in the list': [
      async (w) => {
        sshKey(w.dir, 'eve');
        return await w.forge('bo', 'NO', {}, 'eve');
      },
      /forged or damaged/,
    ],
    'a flipped bit': [
      async ({ approve }) => {
        const file = await approve('bo');
        const bytes = readFileSync(file);
        bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
        writeFileSync(file, bytes);
        return file;
      },
      /forged or damaged|cannot be read/,
    ],
    'an approval of another sealed plan': [
      async ({ approve, seal }) => {
        const file = await approve('bo');
        await seal();
        return file;
      },
      /replayed/,
    ],
    'one that has expired': [(w) => w.forge('bo', 'NO', { until: new Date(Date.now() - 1).toISOString() }), /expired/],
    'a second one of the same approver': [(w) => w.approve('ann', '--out', join(w.dir, 'second')), /duplicate/],
    'one for something else': [(w) => w.approve('bo', '--what', 'run,purge'), /approves run, purge, not tombstone/],
    'one that names another country': [(w) => w.forge('bo', 'IE', {}), /another approver or country/],
    'one of nobody in the list': [
      async (w) => {
        sshKey(w.dir, 'eve');
        return await w.forge('eve', 'IE', {});
      },
      /does not list the key/,
    ],
    'one of a key that was revoked since': [
      async (w) => {
        const file = await w.approve('bo');
        w.write({ revoked: [w.keys.bo.id] });
        return file;
      },
      /revoked/,
    ],
  };
  for (const [name, [make, why]] of Object.entries(cases)) {
    it(name, async () => {
      const world = approved();
      await world.seal();
      const bad = await make(world);
      // Of the sealed plan as it is now, which "replayed" has made anew.
      const good = existsSync(`${world.sealed}.ann.approval`)
        ? `${world.sealed}.ann.approval`
        : await world.approve('ann');
      const before = digestsIn(world.legacy, true);
      const ended = await world.run(good, bad);
      expect(ended.code, ended.stderr).toBe(3);
      expect(documentOf<RunDocument>(ended).error?.why).toMatch(why);
      expect(ended.stderr).toContain(`${bad}: `);
      expect(digestsIn(world.legacy, true)).toEqual(before);
      expect(existsSync(world.hamar) ? Object.keys(digestsIn(world.hamar)) : []).toEqual([]);
    });
  }

  it('when the operator alone has approved', async () => {
    const { seal, approve, run, sealed, plan } = approved({}, 1);
    await seal();
    const own = await approve('ann');
    const env = { FERRY_OPERATOR: 'ann' };
    const ended = await ferry(['run', plan, '--json', '--sealed', sealed, '--approval', own], env);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('the operator ann is the only approver');
    expect((await run(own)).code).toBe(0);
    const { username } = userInfo();
    const named = approved({ runner: { jurisdiction: 'IE', operator: 'bo' } }, 1);
    await named.seal();
    expect((await named.run(await named.approve('bo'))).stderr).toContain('the operator bo is the only approver');
    expect(username).not.toBe('ann');
  });
});

it('lets nobody approve from outside the zone: no command takes such a plan', async () => {
  const { legacy, sealed, write, seal, approve, run, call } = approved();
  await seal();
  const files = [await approve('ann'), await approve('sam')];
  const before = digestsIn(legacy);
  const people = { ann: 'IE', bo: 'NO', sam: 'US' } as const;
  write({
    approvers: Object.entries(people).map(([name, jurisdiction]) => ({ name, jurisdiction, key: `./${name}.pub` })),
  });
  for (const ended of [await run(...files), await call('plan', '--out', `${sealed}.new`)]) {
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('R004');
  }
  expect(existsSync(`${sealed}.new`)).toBe(false);
  expect(digestsIn(legacy)).toEqual(before);
});

it('asks again before each tombstone: an approval that runs out in the middle stops the run', async () => {
  const world = approved({ limits: { bandwidth: '8KiB/s', concurrency: 1 } }, 1);
  const { legacy, seal, forge, approve, run } = world;
  for (let n = 0; n < 12; n += 1) writeFileSync(join(legacy, `users/NO/kari/large-${n}`), Buffer.alloc(4096, n));
  await seal();
  const ended = await run(await forge('bo', 'NO', { until: new Date(Date.now() + 3_000).toISOString() }));
  expect(ended.code, ended.stderr).toBe(3);
  expect(ended.stderr).toContain('expired');
  expect(statesOf(ended)['tombstoned']).toBeLessThan(17);
  expect(statesOf(ended)['verified']).toBeGreaterThan(0);
  const more = await run(await approve('ann'));
  expect(more.code, more.stderr).toBe(0);
  expect(statesOf(more)['tombstoned']).toBe(17);
}, 60_000);

describe('a sealed plan is stale', () => {
  it('when the plan or the key of an approver changed', async () => {
    const { dir, write, seal, run, keys } = approved({ finish: 'verified' });
    await seal();
    write({ verify: 'attested' });
    const changed = await run();
    expect(changed.code).toBe(3);
    expect(changed.stderr).toContain('stale: the plan changed');
    write();
    writeFileSync(join(dir, 'bo.pub'), readFileSync(keys.sam.publicFile));
    // One key cannot be two approvers.
    expect((await run()).code).toBe(2);
    writeFileSync(join(dir, 'bo.pub'), readFileSync(sshKey(dir, 'new').publicFile));
    const swapped = await run();
    expect(swapped.code).toBe(3);
    expect(swapped.stderr).toContain('stale: the key of an approver');
  });

  it('when the sources changed beyond its drift, and not within it', async () => {
    const { legacy, hamar, seal, run, call } = approved({ finish: 'verified', drift: { objects: 1, bytes: '4B' } });
    // The ledger has listed before the seal; what counts is what is there now.
    expect((await call('run', '--until', 'copied')).code).toBe(0);
    await seal();
    writeFileSync(join(legacy, 'users/IE/aoife/new'), '1234');
    expect((await run()).code).toBe(0);
    appendFileSync(join(legacy, 'users/IE/aoife/new'), '5');
    await seal();
    writeFileSync(join(legacy, 'users/IE/aoife/newer'), '12345');
    const before = digestsIn(hamar);
    const ended = await run();
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain(
      'stale: the sources changed since the plan was sealed, by at least 1 objects and 5 B',
    );
    expect(digestsIn(hamar)).toEqual(before);
  });

  it('when an object was replaced by as many bytes', async () => {
    const { legacy, seal, run } = approved({ finish: 'verified' });
    await seal();
    writeFileSync(join(legacy, 'users/NO/kari/a.json'), '{"n":7}');
    const ended = await run();
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('by at least 1 objects and 0 B');
  });
});

it('purges only with approvals of their own', async () => {
  const { legacy, sealed, seal, approve, run, call } = approved({}, 1);
  await seal();
  const tombstone = await approve('ann');
  expect((await run(tombstone)).code).toBe(0);
  const refused = await call('purge', '--yes');
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('the ledger (ann): it approves tombstone, not purge');
  expect(Object.keys(digestsIn(legacy, true)).filter((name) => name.startsWith('.ferry-held/'))).not.toEqual([]);
  const purge = await approve('bo', '--what', 'purge');
  const purged = await call('purge', '--yes', '--sealed', sealed, '--approval', purge);
  expect(purged.code, purged.stderr).toBe(0);
  expect(statesOf(purged)['purged']).toBe(5);
  expect(Object.keys(digestsIn(legacy, true))).toEqual(['tmp/scratch']);
});

describe('approve', () => {
  it('shows what is approved, and signs through a real agent', async () => {
    const { sealed, keys, seal } = approved();
    const digest = await seal();
    const env = { SSH_AUTH_SOCK: await sshAgent(keys.ann.file) };
    const ended = await ferry(['approve', sealed, '--key', keys.ann.publicFile, '--until', '2099-12-31'], env);
    expect(ended.code, ended.stderr).toBe(0);
    for (const text of [digest, 'all: 5 objects', 'findings: ', 'by ann (IE), until 2100-01-01T00:00:00.000Z']) {
      expect(ended.stdout).toContain(text);
    }
    const envelope = JSON.parse(readFileSync(`${sealed}.ann.approval`, 'utf8'));
    expect(envelope).toMatchObject({
      payloadType: 'application/vnd.ferry.approval+json',
      signatures: [{ keyid: keys.ann.id }],
    });
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    expect(statement).toMatchObject({
      format: 'ferry/approval/v1',
      sealed: digest,
      what: ['tombstone'],
      approver: 'ann',
    });
  });

  it('refuses keys whose approvals could not count, and times that are none', async () => {
    const { dir, sealed, keys, seal, write, approve } = approved();
    await seal();
    const call = async (key: string, ...more: string[]): Promise<Ended> =>
      await ferry(['approve', sealed, '--key', key, ...more]);
    expect((await call(sshKey(dir, 'eve').file)).code).toBe(3);
    expect((await call(sshKey(dir, 'locked', { passphrase: 'secret' }).file)).stderr).toContain('ssh-add');
    for (const wrong of [
      ['--until', '2001-01-01'],
      ['--until', '2030-02-31'],
      ['--for', 'x'],
      ['--what', 'all'],
    ]) {
      expect((await call(keys.ann.file, ...wrong)).code, wrong.join(' ')).toBe(2);
    }
    await approve('ann');
    expect((await call(keys.ann.file)).stderr).toContain('never overwritten');
    write({ revoked: [keys.ann.id] });
    await seal();
    const revoked = await call(keys.ann.file, '--out', join(dir, 'other'));
    expect([revoked.code, existsSync(join(dir, 'other'))]).toEqual([3, false]);
  });
});

it('keygen makes a key for its owner alone, once, and never shows it', async () => {
  const { dir } = layOut();
  const base = join(dir, 'dpo');
  const made = await ferry(['keygen', '--out', base, '--json']);
  expect(made.code, made.stderr).toBe(0);
  const { keyid, publicKey } = documentOf<{ keyid: string; publicKey: string }>(made);
  expect(statSync(`${base}.key`).mode & 0o777).toBe(0o600);
  const text = readFileSync(`${base}.key`, 'utf8');
  expect(text).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(readFileSync(`${base}.pub`, 'utf8')).toBe(`${publicKey} dpo\n`);
  expect(made.stdout + made.stderr).not.toContain(text.split('\n')[1]);
  expect((await openSigner(`${base}.key`, undefined)).key.id).toBe(keyid);
  expect((await ferry(['keygen', '--out', base])).code).toBe(2);
  expect(readFileSync(`${base}.key`, 'utf8')).toBe(text);
});
