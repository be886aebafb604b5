import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Check } from '../../src/rehearsal/checks.ts';
import { junitXml } from '../../src/rehearsal/junit.ts';

/** What Python's parser, which is none of ours, makes of reports: a list of test cases for each. */
function parsed(
  reports: readonly string[],
): { name: string; failure: string | null; skipped: string | null; out: string | null }[][] {
  const program = `
import json, sys, xml.etree.ElementTree as tree
def case(c):
  text = lambda n: None if c.find(n) is None else (c.find(n).text or '')
  s = c.find('skipped')
  return {'name': c.get('name'), 'failure': text('failure'), 'skipped': None if s is None else s.get('message'), 'out': text('system-out')}
print(json.dumps([[case(c) for c in tree.fromstring(x.encode()).iter('testcase')] for x in json.load(sys.stdin)]))`;
  return JSON.parse(execFileSync('python3', ['-c', program], { input: JSON.stringify(reports), encoding: 'utf8' }));
}

const suite = (checks: readonly Check[], name = 'clover'): string =>
  junitXml({ name, seconds: 1.5, at: '2026-12-01T00:00:00.000Z', properties: { seed: 7, scenario: 'calm' }, checks });

const check = (change: Partial<Check>): Check => {
  const { facts, ...rest } = change;
  const facty = facts === undefined ? {} : { facts };
  return {
    id: 'copies',
    title: 'all is there',
    state: 'passed',
    problems: [],
    broken: 0,
    seconds: 0.25,
    ...rest,
    ...facty,
  };
};

it('has one test case a check, failed or skipped as it was', () => {
  const checks = [
    check({ facts: '3 objects' }),
    check({ id: 'rule-1', state: 'failed', problems: ['a <b> & "c"', "d'\n]]>"], broken: 2 }),
    check({ id: 'scan', state: 'skipped', facts: 'nobody wrote' }),
  ];
  const text = suite(checks);
  expect(text).toContain(
    '<testsuite name="clover" timestamp="2026-12-01T00:00:00.000Z" tests="3" failures="1" errors="0" skipped="1"',
  );
  expect(text).toContain('<property name="seed" value="7"/>');
  expect(parsed([text])).toEqual([
    [
      { name: 'copies: all is there', failure: null, skipped: null, out: '3 objects' },
      { name: 'rule-1: all is there', failure: 'a <b> & "c"\nd\'\n]]>', skipped: null, out: null },
      { name: 'scan: all is there', failure: null, skipped: 'nobody wrote', out: null },
    ],
  ]);
});

it('is well-formed whatever stands in a key', () => {
  const anything = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom('\u0000', '\ud800', '\ufffe', '\u001b[31m', '\r\n'),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  const texts = fc.sample(anything, { numRuns: 200, seed: 3 });
  const reports = texts.map((problems) =>
    suite([check({ state: 'failed', problems, title: problems.join('') })], problems.join('')),
  );
  for (const [index, [one]] of parsed(reports).entries()) {
    const given = texts[index]?.join('\n') ?? '';
    // What XML can hold comes through as it was.
    if (/^[\t\n\x20-\ud7ff]*$/.test(given)) expect(one?.failure).toBe(given);
    expect(one?.failure).not.toBeNull();
  }
});
