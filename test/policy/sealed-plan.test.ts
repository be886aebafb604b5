import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../src/base/canonical.ts';
import { sha256Hex } from '../../src/base/digest.ts';
import { newKeyPair } from '../../src/base/ed25519.ts';
import { parsePlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/types.ts';
import { driftBeyond, parseSealed, planChange, revokedIn, sealedText } from '../../src/policy/sealed-plan.ts';
import { planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

const key = newKeyPair().key;
const approvers = [{ name: 'ann', jurisdiction: 'IE', key: key.openssh }];

function planOf(change: object = {}): Plan {
  const text = JSON.stringify({ ...planDocument(), approvers, ...change });
  const result = parsePlan(text, `${tempDir()}/plan.json`, {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

const none = { objects: 0, bytes: 0 };
const found = { inventories: [], totals: none, partitions: [], unassigned: none, excluded: none, findings: [] };
const at = new Date('2030-01-01T00:00:00Z');

it('is one text for one plan, whose digest is over its bytes', () => {
  const text = sealedText(planOf(), found, '1.2.3', at);
  const sealed = parseSealed(text, 'sealed');
  expect(sealed.digest).toBe(`sha256:${sha256Hex(text)}`);
  expect(sealed.approvers).toMatchObject([{ name: 'ann', jurisdiction: 'IE', key: { id: key.id } }]);
  expect(planChange(planOf(), sealed)).toBeUndefined();
  expect(JSON.parse(text)).toMatchObject({ format: 'ferry/sealed-plan/v1', tool: { name: 'ferry', version: '1.2.3' } });
});

it('tells any change of the plan, but takes ids that were revoked since', () => {
  const sealed = parseSealed(sealedText(planOf({ revoked: [`SHA256:${'a'.repeat(43)}`] }), found, '1', at), 'sealed');
  const revoked = planOf({ revoked: [`SHA256:${'b'.repeat(43)}`] });
  expect(planChange(revoked, sealed)).toBeUndefined();
  expect([...revokedIn(revoked, sealed)].sort()).toEqual([`SHA256:${'a'.repeat(43)}`, `SHA256:${'b'.repeat(43)}`]);
  for (const change of [{ tombstone: { approvals: 1 } }, { verify: 'attested' }, { drift: { objects: 1 } }]) {
    expect(planChange(planOf(change), sealed)).toMatch(/plan changed/);
  }
});

it('is refused when it is newer, changed, or does not agree with itself', () => {
  const text = sealedText(planOf(), found, '1', at);
  const change = (edit: (value: Record<string, Json>) => void): string => {
    const value = JSON.parse(text) as Record<string, Json>;
    edit(value);
    return canonicalJson(value);
  };
  const other = newKeyPair().key.openssh;
  const cases: [string, string, RegExp][] = [
    ['{', 'usage', /no JSON/],
    ['{"format":"ferry/tombstone/v1"}', 'usage', /no sealed plan/],
    ['null', 'usage', /no sealed plan/],
    [
      change((value) => Object.assign(value, { format: 'ferry/sealed-plan/v2' })),
      'usage',
      /version ferry\/sealed-plan\/v2/,
    ],
    [`${text}\n`, 'integrity', /was changed/],
    [change((value) => delete value['findings']), 'integrity', /was changed/],
    [change((value) => Object.assign(value['plan'] as object, { document: null })), 'integrity', /was changed/],
    [
      change((value) => Object.assign(value['plan'] as object, { digest: 'sha256:0' })),
      'integrity',
      /digest that it tells/,
    ],
    [text.replace(key.openssh, other), 'integrity', /not the one of its id|digest that it tells/],
    [
      change((value) => Object.assign((value['approvers'] as Json[])[0] as object, { key: other })),
      'integrity',
      /of its id/,
    ],
  ];
  for (const [changed, fault, why] of cases) {
    expect(() => parseSealed(changed, 'sealed'), changed.slice(0, 60)).toThrow(
      expect.objectContaining({ fault, why: expect.stringMatching(why) }),
    );
  }
});

const inventory = fc.record({ objects: fc.nat(2), bytes: fc.nat(3), digest: fc.constantFrom('x', 'y') });

it('lets sources differ by the drift and no further, each difference counted, whichever way it goes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(inventory, inventory), { minLength: 1, maxLength: 4 }),
      fc.nat(4),
      fc.nat(6),
      (pairs, objects, bytes) => {
        const name = (side: 0 | 1) => pairs.map((pair, i) => ({ source: `s${i}`, ...pair[side] }));
        const differing = pairs.filter(([was, is]) => was.digest !== is.digest);
        const more = differing.map(([was, is]) => Math.abs(was.objects - is.objects) || 1).reduce((a, b) => a + b, 0);
        const size = differing.map(([was, is]) => Math.abs(was.bytes - is.bytes)).reduce((a, b) => a + b, 0);
        const beyond = driftBeyond({ objects, bytes }, name(0), name(1)) !== undefined;
        return beyond === (more > objects || size > bytes);
      },
    ),
  );
  expect(driftBeyond({ objects: 9, bytes: 9 }, [], [{ source: 's', digest: 'x', ...none }])).toMatch(/not listed/);
});
