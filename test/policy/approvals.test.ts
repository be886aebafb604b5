import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../src/base/canonical.ts';
import { signEnvelope } from '../../src/base/dsse.ts';
import { newKeyPair, signerOf } from '../../src/base/ed25519.ts';
import { parsePrivateKey } from '../../src/base/private-key.ts';
import { APPROVAL_TYPE, type Ask, judgeApprovals, type Statement, signApproval } from '../../src/policy/approvals.ts';

const NOW = Date.parse('2030-06-01T12:00:00Z');
const SEALED = `sha256:${'ab'.repeat(32)}`;

function person(name: string, jurisdiction = 'IE') {
  const { key, privatePem } = newKeyPair();
  return { name, jurisdiction, key, signer: signerOf(parsePrivateKey(privatePem)) };
}

const [ann, bo, sam, eve] = [person('ann'), person('bo', 'NO'), person('sam', 'US'), person('eve')];

const ask: Ask = {
  plan: 'test',
  sealed: SEALED,
  what: 'tombstone',
  approvers: [ann, bo, sam],
  revoked: new Set(),
  zone: new Set(['IE', 'NO']),
  needed: 1,
  operator: 'someone',
  now: NOW,
};

function statement(of: ReturnType<typeof person>, change: Partial<Statement> = {}): Statement {
  return {
    plan: 'test',
    sealed: SEALED,
    approver: of.name,
    jurisdiction: of.jurisdiction,
    keyid: of.key.id,
    at: '2030-05-31T12:00:00.000Z',
    until: '2030-06-30T00:00:00.000Z',
    what: ['tombstone'],
    ...change,
  };
}

const approval = async (of: ReturnType<typeof person>, change: Partial<Statement> = {}, signer = of.signer) =>
  await signApproval(statement(of, change), signer);

const judge = (texts: readonly string[], change: Partial<Ask> = {}) =>
  judgeApprovals(
    texts.map((text, at) => ({ from: `file ${at + 1}`, text })),
    { ...ask, ...change },
  );

it('counts one that is in order', async () => {
  const { counted, rejected, lacking } = judge([await approval(ann)]);
  expect(counted.map(({ approver, until }) => [approver.name, until])).toEqual([
    ['ann', Date.parse('2030-06-30T00:00:00Z')],
  ]);
  expect([rejected, lacking]).toEqual([[], undefined]);
});

const spoiled: Readonly<Record<string, [text: () => Promise<string>, why: RegExp, change?: Partial<Ask>]>> = {
  'signed by another key under the id of an approver': [
    async () => {
      const forger = { ...eve.signer, key: ann.key };
      return await approval(ann, {}, forger);
    },
    /forged or damaged.*ann/,
  ],
  'of nobody in the list': [async () => await approval(eve), /does not list the key/],
  'for another sealed plan': [async () => await approval(ann, { sealed: `sha256:${'cd'.repeat(32)}` }), /replayed/],
  'for another plan': [async () => await approval(ann, { plan: 'other' }), /replayed/],
  expired: [
    async () => await approval(ann),
    /expired: it counted until 2030-06-30/,
    { now: Date.parse('2030-06-30T00:00:00Z') },
  ],
  'made in the future': [async () => await approval(ann, { at: '2030-06-01T12:06:00.000Z' }), /in the future/],
  revoked: [async () => await approval(ann), /revoked/, { revoked: new Set([ann.key.id]) }],
  'from outside the zone': [async () => await approval(sam), /US, outside the residency zone/],
  'for something else': [
    async () => await approval(ann, { what: ['run', 'purge'] }),
    /approves run, purge, not tombstone/,
  ],
  'with the name of another approver': [
    async () => await approval(ann, { approver: 'bo' }),
    /another approver or country/,
  ],
  'with another country': [async () => await approval(ann, { jurisdiction: 'NO' }), /another approver or country/],
  'with the id of another key': [
    async () => await approval(ann, { keyid: bo.key.id }),
    /forged: it was signed with the key of ann/,
  ],
  'of another payload type': [
    async () => await signEnvelope('application/json', Buffer.from('{}'), ann.signer),
    /another payload type/,
  ],
  'of a newer format': [
    async () => {
      const payload = canonicalJson({ format: 'ferry/approval/v2', ...statement(ann) } as unknown as Json);
      return await signEnvelope(APPROVAL_TYPE, Buffer.from(payload), ann.signer);
    },
    /format ferry\/approval\/v2/,
  ],
  'with a second text for one statement': [
    async () => {
      const payload = `${canonicalJson({ format: 'ferry/approval/v1', ...statement(ann) } as unknown as Json)} `;
      return await signEnvelope(APPROVAL_TYPE, Buffer.from(payload), ann.signer);
    },
    /not as ferry writes it/,
  ],
  'with two signatures': [
    async () => {
      const [one, two] = [JSON.parse(await approval(ann)), JSON.parse(await approval(ann, {}, eve.signer))];
      return canonicalJson({ ...one, signatures: [...one.signatures, ...two.signatures] });
    },
    /exactly one signature/,
  ],
  'that is no JSON': [async () => 'approved', /cannot be read: it is no JSON/],
};

describe('does not count one', () => {
  for (const [name, [text, why, change]] of Object.entries(spoiled)) {
    it(name, async () => {
      const { counted, rejected, lacking } = judge([await text()], change);
      expect(counted).toEqual([]);
      expect(rejected).toEqual([{ from: 'file 1', why: expect.stringMatching(why) }]);
      expect(lacking).toBe('0 of 1 approvals count');
    });
  }

  it('with any bit of it flipped', async () => {
    const bytes = Buffer.from(await approval(ann));
    for (let at = 0; at < bytes.byteLength; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at);
        const { counted, lacking } = judge([damaged.toString('utf8')]);
        expect([counted, lacking], `byte ${at}, bit ${bit}`).toEqual([[], '0 of 1 approvals count']);
      }
    }
  });
});

describe('of several', () => {
  it('counts each approver once, by key and by name', async () => {
    const twice = [await approval(ann), await approval(ann, { until: '2031-01-01T00:00:00.000Z' })];
    const { counted, rejected, lacking } = judge(twice, { needed: 2 });
    expect(counted).toHaveLength(1);
    expect(rejected).toEqual([{ from: 'file 2', why: 'duplicate: ann has approved in file 1' }]);
    expect(lacking).toBe('1 of 2 approvals count');
    const namesake = person('ANN');
    const both = [await approval(ann), await approval(namesake)];
    expect(judge(both, { approvers: [ann, namesake], needed: 2 }).lacking).toBe('1 of 2 approvals count');
    expect(judge([await approval(ann), await approval(bo)], { needed: 2 }).lacking).toBeUndefined();
  });

  it('never takes the operator as the only approver', async () => {
    const own = await approval(ann);
    expect(judge([own], { operator: 'Ann' }).lacking).toMatch(/operator Ann is the only approver/);
    expect(judge([own, await approval(bo)], { operator: 'ann', needed: 2 }).lacking).toBeUndefined();
    expect(judge([own, await approval(bo)], { operator: 'ann', needed: 1 }).lacking).toBeUndefined();
  });
});
