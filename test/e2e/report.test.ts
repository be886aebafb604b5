import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { takeLock } from '../../src/ledger/lock.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';
import { NASTY, ranPlan } from '../support/report-plan.ts';

interface Document {
  readonly plan: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
  readonly unresolved: number;
}

it('is one page that tells the ledger, also beside who holds the lock, and is replaced whole', async () => {
  const laid = await ranPlan(3);
  const state = join(laid.dir, 'state');
  const out = join(laid.dir, 'report.html');
  const lock = takeLock(state, 'run');
  try {
    const made = await ferry(['report', laid.plan, '--out', out, '--state', state, '--json']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const document = documentOf<Document>(made);
    const page = readFileSync(out, 'utf8');
    expect(document).toMatchObject({
      plan: 'clover-eu',
      file: out,
      bytes: Buffer.byteLength(page),
      sha256: createHash('sha256').update(page).digest('hex'),
    });
    const { objects, states } = document.totals;
    expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(objects);
    const outcomes = Object.entries(states).filter(([, count]) => count > 0);
    expect(page).toContain(
      `<strong>${objects} planned</strong> = ${outcomes.map(([name, count]) => `${count} ${name}`).join(' + ')}</p>`,
    );
    expect(states).toMatchObject({ conflict: 2, failed: 2 });
    expect(document.unresolved).toBe(4);
    for (const told of [
      'SG, outside',
      'NO, inside',
      'Move the centre&#39;s object away',
      '&lt;img src=x',
      '\\u{202e}txt',
    ])
      expect(page).toContain(told);
    for (const key of NASTY) expect(page).not.toContain(key);
    expect(statSync(out).mode & 0o777).toBe(0o600);

    const without = await ferry(['report', laid.plan, '--out', out, '--state', state, '--keys', 'none']);
    expect(without).toMatchObject({ code: 0 });
    const redacted = readFileSync(out, 'utf8');
    expect(redacted).not.toContain('users/region');
    expect(redacted).not.toContain('img src');
    expect(redacted).toContain('The keys of objects were left out');
  } finally {
    lock.release();
  }
});

it('makes no page of an empty ledger, and puts none over another file or into a store', async () => {
  const laid = layOut();
  const out = join(laid.dir, 'report.html');
  const empty = await ferry(['report', laid.plan, '--out', out]);
  expect(empty).toMatchObject({ code: 2, stdout: '' });
  expect(empty.stderr).toContain('no run of it has begun yet: its ledger is empty');
  expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined();

  expect(await ferry(['run', laid.plan, '--until', 'copied'])).toMatchObject({ code: 0 });
  writeFileSync(out, 'mine');
  const [over, into, unnamed] = [
    await ferry(['report', laid.plan, '--out', out]),
    await ferry(['report', laid.plan, '--out', join(laid.legacy, 'report.html')]),
    await ferry(['report', laid.plan]),
  ];
  expect(over.stderr).toContain('it is there already, and is no report of ferry');
  expect(into.stderr).toContain('it lies inside store legacy');
  for (const { code } of [over, into, unnamed]) expect(code).toBe(2);
  expect(readFileSync(out, 'utf8')).toBe('mine');
});
