import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gather } from '../../src/engine/evidence/gather.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { exported, filesOf, leavesOf, type Made } from '../support/bundle.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { drivePlan } from '../support/drive-plan.ts';
import { type Laid, layOut } from '../support/plan.ts';
import { sshKey } from '../support/ssh.ts';
import { tempDir } from '../support/temp.ts';

interface Verified {
  readonly head: { readonly root: string; readonly size: number };
  readonly earlierHeads: number;
  readonly counted: { readonly outcomes: Record<string, number>; readonly scans: number; readonly audits: number };
}

async function verified({ folder, publicFile }: Omit<Made, 'key'>, ...more: string[]): Promise<Verified> {
  const ended = await ferry(['evidence', 'verify', folder, '--key', publicFile, '--json', ...more]);
  expect(ended.code, ended.stderr).toBe(0);
  return documentOf<Verified>(ended);
}

describe('the evidence of a plan', () => {
  it('follows it from the first run over a restore, head after head', async () => {
    const laid = layOut({ tombstone: { hold: '30d' } });
    const none = await ferry(['evidence', 'export', laid.plan, '--out', join(laid.dir, 'none')]);
    expect([none.code, existsSync(join(laid.dir, 'none'))]).toEqual([2, false]);
    expect((await ferry(['run', laid.plan, '--until', 'verified'])).code).toBe(0);
    const first = await exported(laid);
    expect((await verified(first)).counted.outcomes).toMatchObject({ verified: 5, tombstoned: 0 });
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    expect((await ferry(['scan', laid.plan])).code).toBe(4);
    expect((await ferry(['restore', laid.plan, '--partition', 'rest'])).code).toBe(0);
    const audit = await ferry([
      'audit',
      laid.plan,
      '--sample',
      'all',
      '--seed',
      's',
      '--key',
      sshKey(laid.dir, 'aud').file,
      '--out',
      join(laid.dir, 'audit.json'),
    ]);
    expect(audit.code, audit.stderr).toBe(0);
    const last = await exported(laid);
    const auditor = ['--auditor', join(laid.dir, 'aud.pub')];
    const found = await verified(last, ...auditor);
    expect(found.counted).toMatchObject({ outcomes: { verified: 0, tombstoned: 3, restored: 2, purged: 0 }, scans: 1 });
    expect(found.earlierHeads).toBe(1);
    expect(found.head.size).toBeGreaterThan((await verified(first)).head.size);
    const types = new Set(leavesOf(last).map((leaf) => (JSON.parse(leaf) as { type: string }).type));
    expect([...types].sort()).toEqual(['access', 'audit', 'inventory', 'object', 'plan', 'probe', 'scan', 'tally']);
  });

  it('counts an audit only by the auditors that are named', async () => {
    const laid = layOut({ tombstone: { hold: '30d' } });
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    const out = join(laid.dir, 'audit.json');
    const key = sshKey(laid.dir, 'aud');
    const audit = await ferry(['audit', laid.plan, '--sample', '3', '--seed', 's', '--key', key.file, '--out', out]);
    expect(audit.code, audit.stderr).toBe(0);
    const made = await exported(laid);
    expect((await verified(made, '--auditor', key.publicFile)).counted.audits).toBe(1);
    const other = sshKey(laid.dir, 'other');
    const wrong = await ferry([
      'evidence',
      'verify',
      made.folder,
      '--key',
      made.publicFile,
      '--auditor',
      other.publicFile,
    ]);
    expect(wrong.code).toBe(5);
    expect(wrong.stderr).toMatch(/leaf \d+ .*no auditor whose key was given/);
    const again = await ferry(['evidence', 'add', laid.plan, '--audit', out]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('the log has it already')]);
  });

  it('has what a run did that was cut off before it could say so', async () => {
    const laid = layOut();
    // In this process, nothing brings the log up to date at the end.
    await drivePlan(laid, 'run');
    const state = join(laid.dir, 'state');
    const folder = join(laid.dir, 'bundle');
    const ended = await ferry(['evidence', 'export', laid.plan, '--out', folder, '--state', state]);
    expect(ended.code, ended.stderr).toBe(0);
    const found = await verified({ folder, publicFile: join(state, 'evidence.pub') });
    expect(found.counted.outcomes).toMatchObject({ tombstoned: 5 });
    // Nor does a run that goes on say anything twice.
    expect((await ferry(['run', laid.plan, '--state', state])).code).toBe(0);
    const again = join(laid.dir, 'again');
    expect((await ferry(['evidence', 'export', laid.plan, '--out', again, '--state', state])).code).toBe(0);
    const objects = leavesOf({ folder: again }).filter((leaf) => leaf.includes('"type":"object"'));
    expect(objects).toHaveLength(5);
  });

  it('holds no key in plain and no secret, unless keys were asked for', async () => {
    const key = 'users/NO/PLANTED-person/PLANTED-file';
    const laid = layOut({}, { [key]: 'PLANTED-body', 'users/DE/x': 'x', 'tmp/PLANTED-scratch': 's' });
    const env = { AWS_SECRET_ACCESS_KEY: 'PLANTED-secret', FERRY_OPERATOR: 'oli' };
    expect((await ferry(['run', laid.plan], env)).code).toBe(0);
    expect((await ferry(['scan', laid.plan], env)).code).toBe(4);
    expect((await ferry(['restore', laid.plan, '--key', key], env)).code).toBe(0);
    const textOf = (made: Made): string =>
      filesOf(made)
        .map((name) => {
          const bytes = readFileSync(join(made.folder, name));
          expect(statSync(join(made.folder, name)).mode & 0o077).toBe(0);
          return name.endsWith('.zst') ? zstdDecompressSync(bytes).toString() : bytes.toString('latin1');
        })
        .map((text) => text + decoded(text))
        .join('\n');
    const redacted = await exported(laid, '--redact', 'keys');
    expect(textOf(redacted)).not.toContain('PLANTED');
    const private64 = readFileSync(join(laid.dir, '.ferry/test/evidence.key'), 'utf8').split('\n')[1] ?? '';
    expect(private64.length).toBeGreaterThan(40);
    expect(textOf(redacted)).not.toContain(private64);
    const plain = await exported(laid, '--keys', 'plain');
    expect(textOf(plain)).toContain(JSON.stringify(key));
    expect(textOf(plain)).not.toMatch(/PLANTED-(secret|body|scratch)/);
    await verified(plain);
  });

  it('has one root for the same inputs at the same time', async () => {
    const now = Date.parse('2026-03-01T12:00:00Z');
    const salt = 'ab'.repeat(32);
    const laid = layOut({ evidence: { saltFile: './salt' }, finish: 'verified' });
    const root = async (salted = salt): Promise<string> => {
      for (const made of [laid.hamar, laid.dublin, join(laid.dir, 'state')])
        rmSync(made, { recursive: true, force: true });
      await drivePlan(laid, 'run', { now });
      return await rootOf(laid, Buffer.from(salted, 'hex'));
    };
    const first = await root();
    expect(await root()).toBe(first);
    expect(await root('cd'.repeat(32))).not.toBe(first);
  });
});

async function rootOf(laid: Laid, salt: Uint8Array): Promise<string> {
  const loaded = await loadPlan(laid.plan, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const ledger = Ledger.open(join(laid.dir, 'state'));
  try {
    gather({ plan: loaded.plan, findings: [], ledger, version: '1', salt });
    expect(ledger.log.size).toBeGreaterThan(5);
    return ledger.log.root().toString('hex');
  } finally {
    ledger.close();
  }
}

/** What envelopes hold. */
function decoded(text: string): string {
  return [...text.matchAll(/"payload\\?":\\?"([A-Za-z0-9+/=]+)/g)]
    .map(([, payload = '']) => Buffer.from(payload, 'base64').toString())
    .join('\n');
}

describe("a person's proof", () => {
  it('shows one person’s objects to who has nothing but the key', async () => {
    const laid = layOut({
      partitions: [
        {
          name: 'nordic',
          from: 'legacy',
          select: { pattern: 'users/{country}/{user}/**', where: { country: ['NO', 'SE'] } },
          to: 'hamar',
        },
        { name: 'rest', from: 'legacy', select: { prefix: 'users/' }, to: 'dublin' },
      ],
    });
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    const out = join(laid.dir, 'kari.json');
    const prove = (...more: string[]) => ferry(['evidence', 'prove', laid.plan, '--out', out, '--json', ...more]);
    expect((await prove('--where', 'name=kari')).code).toBe(2);
    expect((await prove('--where', 'user=nobody')).code).toBe(2);
    expect((await prove()).code).toBe(2);
    const ended = await prove('--where', 'user=kari');
    expect(ended.code, ended.stderr).toBe(0);
    const publicFile = join(laid.dir, '.ferry/test/evidence.pub');
    const copy = join(tempDir(), 'proof.json');
    const text = readFileSync(out, 'utf8');
    writeFileSync(copy, text);
    const check = await ferry(['evidence', 'verify', copy, '--key', publicFile, '--json']);
    expect(check.code, check.stderr).toBe(0);
    const { objects } = documentOf<{ objects: { key: string; leaf: { outcome: string; sha256: string } }[] }>(check);
    expect(objects.map(({ key }) => key).sort()).toEqual(['users/NO/kari/a.json', 'users/NO/kari/empty']);
    expect(objects.every(({ leaf }) => leaf.outcome === 'tombstoned')).toBe(true);
    expect(text).not.toMatch(/sven|jonas|aoife/);
    for (const wrong of [
      text.replace('kari/empty', 'kari/other'),
      text.replace(/"salt":"../, '"salt":"00'),
      text.replace(/("inclusion":\[")(..)/, (_all, head, two) => `${head}${two === '00' ? '11' : '00'}`),
      text.replace('tombstoned', 'verified'),
      text.slice(0, -2),
    ]) {
      expect(wrong).not.toBe(text);
      writeFileSync(copy, wrong);
      const refused = await ferry(['evidence', 'verify', copy, '--key', publicFile]);
      expect(refused.code, refused.stderr).toBe(5);
    }
  });
});
