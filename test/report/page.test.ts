import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noStates } from '../../src/ledger/lifecycle.ts';
import { kindOf } from '../../src/ledger/overview.ts';
import type { ReportData } from '../../src/report/data.ts';
import { html, keyText } from '../../src/report/html.ts';
import { renderPage } from '../../src/report/page.ts';
import { timelineOf, widthFor } from '../../src/report/timeline.ts';

/** Text as hostile as it gets, with pieces of markup in it. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.constantFrom(
        '<script>',
        '</style>',
        '"',
        "'",
        '<!--',
        '-->',
        ']]>',
        '&lt;',
        '<svg onload=x>',
        '\u202e',
        '\ud800',
        '\u0000',
        '\n',
      ),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(''));

/** A page of which every text is another one. */
function dataOf(texts: readonly string[]): ReportData {
  let next = 0;
  const text = (): string => texts[next++ % texts.length] ?? 'x';
  const [source, centre, partition] = [text(), text(), text()];
  const states = { ...noStates(), conflict: 2, verified: 1 };
  const sum = { objects: 1, bytes: 5 };
  return {
    plan: {
      name: text(),
      digest: text(),
      finish: text(),
      verify: text(),
      zone: [text()],
      runner: text(),
      holdMs: 1,
      approvalsAsked: 1,
    },
    madeAt: 0,
    version: text(),
    atWork: { command: text(), since: text() },
    totals: { objects: 3, bytes: 15, states },
    partitions: [{ name: partition, from: source, to: centre, objects: 3, bytes: 15, states }],
    stores: [source, centre].map((name, at) => ({
      name,
      type: text(),
      jurisdiction: text(),
      inZone: at === 1,
      isSource: at === 0,
      isCentre: at === 1,
    })),
    flows: [{ from: source, to: centre, objects: 3, bytes: 15 }],
    sources: [{ name: source, complete: true, listed: sum, excluded: sum, unassigned: sum }],
    sizes: [
      { from: 0, below: 1, objects: 3, bytes: 15 },
      { from: 1, below: undefined, objects: 0, bytes: 0 },
    ],
    timeline: timelineOf(1_000, [{ from: 0, what: 'verified', objects: 1, bytes: 5 }]),
    unresolved: {
      objects: 2,
      reasons: [{ state: 'conflict', reason: text(), objects: 2, bytes: 10 }],
      different: 1,
      sample: [text(), text()].map((key) => ({ state: 'conflict' as const, partition, key, size: 5, reason: text() })),
      withKeys: true,
      damaged: 1,
    },
    approvals: [
      { approver: text(), jurisdiction: text(), keyid: text(), what: text(), sealed: text(), at: 0, until: text() },
    ],
    evidence: { leaves: 3, head: { root: text(), size: 2, keyid: text(), at: 0 } },
    limits: [{ name: text(), value: text(), from: text() }],
    calls: [
      {
        invocation: text(),
        command: text(),
        operator: text(),
        host: text(),
        jurisdiction: text(),
        partitions: [text()],
        version: text(),
        beganAt: 0,
        endedAt: undefined,
        outcome: text(),
      },
    ],
  };
}

/** All tags in their order, without the values of their attributes and without what only says where letters stand. */
function tagsOf(page: string): readonly string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));
}

describe('a page', () => {
  it('has the same markup whatever the names, keys and reasons in it are', () => {
    const plain = tagsOf(renderPage(dataOf(Array.from({ length: 60 }, (_, at) => `x${at}`))));
    const different = fc.uniqueArray(hostile, { minLength: 8, maxLength: 40 });
    fc.assert(
      fc.property(different, (texts) => {
        const page = renderPage(dataOf(texts));
        expect(tagsOf(page)).toEqual(plain);
        expect(page).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
        expect(page.isWellFormed()).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('allows its own style sheet and nothing else', () => {
    const page = renderPage(dataOf(['x']));
    expect(page).toMatch(
      /Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'; form-action 'none'"/,
    );
    expect(page).not.toMatch(/<script|javascript:|<link|<img|@import|url\(| style="| on[a-z]+="/i);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:/);
  });
});

describe('text in markup', () => {
  it('is the text again once the entities are read, where all of it can be seen', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        const { text: written } = html`<a title="${text}">${text}</a>`;
        const [, attribute = '', inner = ''] = /^<a title="([^"]*)">([^<]*)<\/a>$/.exec(written) ?? [];
        for (const one of [attribute, inner]) expect(unescaped(one)).toBe(text);
      }),
    );
  });

  it('shows different keys differently, and only what can be seen', () => {
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        expect(keyText(one) === keyText(other)).toBe(one === other);
        expect(keyText(one)).not.toMatch(/\p{C}/u);
      }),
    );
    expect(keyText('a\nb')).not.toBe(keyText('a\\u{a}b'));
  });
});

function unescaped(text: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return text.replace(/&([^;]*);/g, (_, name: string) => entities[name] ?? '?');
}

describe('the steps of time', () => {
  it('are at most 48 and hold everything', () => {
    const times = fc.array(fc.integer({ min: 0, max: 4e12 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(times, (at) => {
        const width = widthFor({ from: Math.min(...at), to: Math.max(...at) });
        const sorted = [...at].sort((one, other) => one - other).map((time) => Math.floor(time / width) * width);
        const found = [...new Set(sorted)].map((from) => {
          return { from, what: 'verified' as const, objects: sorted.filter((one) => one === from).length, bytes: 1 };
        });
        const { buckets = [] } = timelineOf(width, found) ?? {};
        expect(buckets.length).toBeLessThanOrEqual(48);
        expect(buckets.reduce((sum, { verified }) => sum + verified.objects, 0)).toBe(at.length);
      }),
    );
  });
});

it('tells the kind of a reason without keys, digests and numbers', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(), (key, size) => {
      const reason = `takes this key for ${JSON.stringify(key)}: ${size} bytes, SHA-256 ${'0a'.repeat(32)}`;
      expect(kindOf(reason)).toBe('takes this key for …: … bytes, SHA-256 …');
    }),
  );
});
