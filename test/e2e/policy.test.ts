import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { RULES } from '../../src/policy/rules.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

interface Access {
  readonly command: string;
  readonly operator: string;
  readonly host: string;
  readonly jurisdiction: string | null;
  readonly partitions: readonly string[];
  readonly version: string;
  readonly beganAt: string;
  readonly endedAt: string | null;
  readonly outcome: string | null;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

async function accessOf(laid: Laid): Promise<readonly Access[]> {
  const ended = await ferry(['policy', 'access', laid.plan, '--json']);
  expect(ended.code, ended.stderr).toBe(0);
  return documentOf<{ access: Access[] }>(ended).access;
}

describe('ferry policy', () => {
  it('lists the rules, and explains one', async () => {
    const listed = documentOf<{ rules: { id: string }[] }>(await ferry(['policy', 'list', '--json']));
    expect(listed.rules.map(({ id }) => id)).toEqual(RULES.map(({ id }) => id));
    const one = await ferry(['policy', 'explain', 'r005']);
    expect(one.stdout).toContain('R005');
    expect(one.stdout).toContain('does not cover');
    expect((await ferry(['policy', 'explain', 'R999'])).code).toBe(2);
  });

  it('shows a zone with dates and sources', async () => {
    const shown = documentOf<{ members: { member: string; since: string; until?: string; isMember: boolean }[] }>(
      await ferry(['policy', 'zone', 'EEA', '--json']),
    );
    const of = (country: string) => shown.members.find(({ member }) => member === country);
    expect(of('NO')).toMatchObject({ since: '1994-01-01', isMember: true });
    expect(of('GB')).toMatchObject({ until: '2020-01-31', isMember: false });
    expect(of('CH')).toBeUndefined();
    expect((await ferry(['policy', 'zone', 'EFTA'])).code).toBe(2);
  });

  it('refuses with the rule, the place in the file and how to mend it', async () => {
    const file = join(tempDir(), 'plan.yaml');
    writeFileSync(
      file,
      `apiVersion: ferry/v1
name: p
residency: { zone: [EEA] }
runner: { jurisdiction: IE, operator: ops@example.eu }
approvers:
  - { name: ops@example.eu, jurisdiction: IE, key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHskMgbblqC+z2qkFJy6l0Vq34rK7/Ac+KvlwBmT9ykR" }
  - { name: dpo@example.com, jurisdiction: US, key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFzgx8Y85I9JRlT1fZ6qZmlh+eVRJX6aQsXhWCUPDtC6" }
stores:
  legacy: { type: file, path: ./legacy, jurisdiction: SG }
  hamar:
    type: s3
    region: no-1
    bucket: users
    jurisdiction: "NO"
    encryption: { type: SSE-KMS, keyHolder: US }
partitions:
  - { name: all, from: legacy, select: { prefix: "" }, to: hamar }
finish: tombstoned
tombstone: { hold: 30d, approvals: 2 }
`,
    );
    const ended = await ferry(['validate', file]);
    expect(ended.code, ended.stderr).toBe(3);
    for (const place of [
      `${file}:7:44: error R004: approvers[1].jurisdiction: approver dpo@example.com is in US`,
      `${file}:15:45: error R005: stores.hamar.encryption.keyHolder: the keys of centre hamar are held in US`,
      `${file}:19:36: error R006: tombstone.approvals: the plan asks for 2 approvals`,
      `${file}:4:39: error R007: runner.operator: ops@example.eu runs ferry and is the only one`,
    ])
      expect(ended.stderr).toContain(place);
    expect(ended.stderr).toContain('use keys that are held inside the zone');
    expect((await ferry(['run', file])).code).toBe(3);
  });
});

describe('the access record', () => {
  it('tells who did what, when, where, over what and how it ended', async () => {
    const runner = { jurisdiction: 'IE', operator: 'ops@example.eu' };
    const laid = layOut({ runner, tombstone: { hold: '1d' } });
    await ferry(['status', laid.plan]);
    expect(await accessOf(laid)).toEqual([]);
    expect((await ferry(['run', laid.plan, '--partition', 'nordic'])).code).toBe(0);
    await ferry(['plan', laid.plan]);
    await ferry(['verify', laid.plan]);
    expect((await ferry(['restore', laid.plan, '--key', 'no/such/key'])).code).toBe(2);
    const status = await ferry(['status', laid.plan, '--json']);
    const all = await accessOf(laid);
    expect(all.map(({ command, outcome }) => `${command} ${outcome}`)).toEqual([
      'run done',
      'plan done',
      'verify done',
      'restore usage',
      'status done',
      'policy access null',
    ]);
    expect(all[0]).toMatchObject({
      operator: 'ops@example.eu',
      host: hostname(),
      jurisdiction: 'IE',
      partitions: ['nordic'],
      version,
    });
    expect(all[1]?.partitions).toEqual(['nordic', 'rest']);
    expect(Date.parse(all[0]?.endedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(all[0]?.beganAt ?? ''));
    const { access } = documentOf<{ access: Access[] }>(status);
    expect(access.map(({ command }) => command)).toEqual(['run', 'plan', 'verify', 'restore', 'status']);
    const shown = await ferry(['policy', 'access', laid.plan]);
    expect(shown.stdout).toContain('usage  restore  ops@example.eu');
    // What was asked for is not told.
    expect(shown.stdout + JSON.stringify(all)).not.toContain('no/such/key');
  });

  it('takes the operator from the environment where the plan names none, and tells the newest twenty in status', async () => {
    const laid = layOut({ finish: 'copied' });
    expect((await ferry(['run', laid.plan], { FERRY_OPERATOR: 'night-shift' })).code).toBe(0);
    const ledger = Ledger.open(join(laid.dir, '.ferry/test'));
    const record = { command: 'verify', operator: 'a', host: 'b', jurisdiction: 'IE', partitions: [], version: '1' };
    for (let n = 0; n < 20; n += 1) ledger.access.end(ledger.access.begin(record), 'done');
    ledger.close();
    const { access } = documentOf<{ access: Access[] }>(await ferry(['status', laid.plan, '--json']));
    expect(access).toHaveLength(20);
    const all = await accessOf(laid);
    expect(all[0]).toMatchObject({ command: 'run', operator: 'night-shift' });
    expect(all).toHaveLength(23);
  });

  it('is told by a plan that does not say where it runs, as far as it can', async () => {
    const { runner: _, ...document } = planDocument();
    const laid = layOut();
    writeFileSync(laid.plan, JSON.stringify({ ...document, finish: 'copied' }));
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    expect((await accessOf(laid))[0]).toMatchObject({ command: 'run', jurisdiction: null });
  });
});
