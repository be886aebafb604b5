import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { CHECKS } from '../../src/rehearsal/checks.ts';
import { SCENARIOS } from '../../src/rehearsal/scenario.ts';
import { ferry } from '../support/cli.ts';

const text = readFileSync(fileURLToPath(new URL('../../docs/rehearsal.md', import.meta.url)), 'utf8');

/** The YAML block behind a comment, read strictly. */
function yaml(comment: string): unknown {
  const block = new RegExp(`<!-- ${comment} -->\\n\`\`\`yaml\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(text)?.[1];
  const document = parseDocument(block ?? '', { strict: true, uniqueKeys: true });
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS();
}

test('docs/rehearsal.md lists the checks as they are', () => {
  const table = text.slice(text.indexOf('<!-- checks -->'), text.indexOf('`rule-1` and `rule-3` are looked at'));
  const rows = [...table.matchAll(/^\| `([a-z0-9-]+)` \| (.*) \|$/gm)].map(([, id, title]) => [id, title]);
  expect(rows).toEqual(CHECKS.map(([id, title]) => [id, title]));
});

test('docs/rehearsal.md tells the scenarios as they are', () => {
  const { flaky, hostile, calm } = SCENARIOS;
  expect(text).toContain(`(\`--kills N\`) | ${calm.kills} | ${flaky.kills} | ${hostile.kills} |`);
  const percent = (share: number): string => `${share / 10} %`;
  expect(text).toContain(
    `up to ${flaky.faults.latencyMs} ms late | | ${percent(flaky.faults.late)} of requests | ${percent(hostile.faults.late)} |`,
  );
  expect(text).toContain(`| ${percent(flaky.faults.resetBefore)} each | ${percent(hostile.faults.resetAfter)} each |`);
  expect(text).toContain(
    `\`503 SlowDown\` | | ${percent(flaky.faults.slowDown)} | ${percent(hostile.faults.slowDown)} |`,
  );
  expect(text).toContain(`| ${percent(hostile.faults.flip)} of bodies |`);
  expect(text).toContain(`| ${percent(hostile.faults.full)} of writes |`);
});

test('the jobs for GitHub and GitLab in docs/rehearsal.md are what these read, and call ferry rightly', async () => {
  const { jobs, on } = yaml('github') as {
    on: object;
    jobs: Record<string, { 'runs-on': string; steps: { run?: string; uses?: string }[] }>;
  };
  expect(on).toHaveProperty('pull_request');
  const steps = jobs['rehearse']?.steps ?? [];
  expect(steps.every(({ run, uses }) => (run === undefined) !== (uses === undefined))).toBe(true);
  const job = (yaml('gitlab') as Record<string, { script: string[]; artifacts: { reports: { junit: string } } }>)[
    'rehearse'
  ];
  const calls = [...steps.map(({ run }) => run), ...(job?.script ?? [])].filter((line) => line?.includes('rehearse'));
  expect(calls).toHaveLength(2);
  expect(job?.artifacts.reports.junit).toBe('rehearsal.xml');
  const { stdout } = await ferry(['rehearse', '--help']);
  for (const call of calls) {
    expect(call).toContain('--junit rehearsal.xml');
    for (const [option] of (call ?? '').split('@dataferry/ferry')[1]?.matchAll(/--[a-z]+/g) ?? [])
      expect(stdout).toContain(option);
  }
});
