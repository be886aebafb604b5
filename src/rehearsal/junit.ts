import type { Check } from './checks.ts';

export interface JunitSuite {
  readonly name: string;
  /** Seconds. */
  readonly seconds: number;
  /** ISO 8601. */
  readonly at: string;
  readonly properties: Readonly<Record<string, string | number>>;
  readonly checks: readonly Check[];
}

/**
 * A report as CI servers read it: one test case a check. The elements and attributes are those of
 * https://github.com/testmoapp/junitxml, which GitLab, Jenkins and GitHub's reporters take.
 */
export function junitXml({ name, seconds, at, properties, checks }: JunitSuite): string {
  const failures = checks.filter(({ state }) => state === 'failed').length;
  const skipped = checks.filter(({ state }) => state === 'skipped').length;
  const counts = `tests="${checks.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds.toFixed(3)}"`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="ferry rehearse" ${counts}>`,
    `  <testsuite name="${xml(name)}" timestamp="${xml(at)}" ${counts}>`,
    '    <properties>',
    ...Object.entries(properties).map(
      ([key, value]) => `      <property name="${xml(key)}" value="${xml(String(value))}"/>`,
    ),
    '    </properties>',
    ...checks.flatMap((check) => testcase(name, check)),
    '  </testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function testcase(suite: string, { id, title, state, problems, facts, seconds }: Check): string[] {
  const head = `    <testcase classname="${xml(`rehearse.${suite}`)}" name="${xml(`${id}: ${title}`)}" time="${seconds.toFixed(3)}"`;
  if (state === 'passed' && facts === undefined) return [`${head}/>`];
  const inner: string[] = [];
  if (state === 'failed') {
    inner.push(
      `      <failure message="${xml(problems[0] ?? title)}" type="rule">${xml(problems.join('\n'))}</failure>`,
    );
  }
  if (state === 'skipped') inner.push(`      <skipped message="${xml(facts ?? 'does not apply')}"/>`);
  if (state !== 'skipped' && facts !== undefined) inner.push(`      <system-out>${xml(facts)}</system-out>`);
  return [`${head}>`, ...inner, '    </testcase>'];
}

/** Keys are any characters; those that XML 1.0 cannot hold even escaped are written as JSON would. */
function xml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, (character) => {
      return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
    })
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;')
    .replaceAll(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
