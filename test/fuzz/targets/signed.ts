import fc from 'fast-check';
import { canonicalJson, type Json } from '../../../src/base/canonical.ts';
import { digestOf } from '../../../src/base/digest.ts';
import { parseEnvelope } from '../../../src/base/dsse.ts';
import { newKeyPair, signerOf } from '../../../src/base/ed25519.ts';
import { messageOf } from '../../../src/base/errors.ts';
import { parsePrivateKey } from '../../../src/base/private-key.ts';
import { readProof } from '../../../src/evidence/proof.ts';
import { isWholeMarker, looksLikeMarker } from '../../../src/migration/marker.ts';
import { judgeApprovals, signApproval } from '../../../src/policy/approvals.ts';
import { parseSealed } from '../../../src/policy/sealed-plan.ts';
import { changed, changedJson, changes, jsonChanges } from '../mutate.ts';
import { checkText, tame } from '../tame.ts';
import type { Target } from '../target.ts';

const DOCUMENT = { name: 'test', residency: { zone: ['EEA'] }, stores: {}, partitions: [{ name: 'all' }] };

function sealedOf(openssh: string, id: string) {
  return {
    format: 'ferry/sealed-plan/v1',
    tool: { name: 'ferry', version: '0' },
    at: '2026-01-02T03:04:05.000Z',
    plan: { name: 'test', digest: digestOf(DOCUMENT), document: DOCUMENT },
    approvers: [{ name: 'kari', jurisdiction: 'NO', keyid: id, key: openssh }],
    inventories: [{ source: 'a', digest: 'x', objects: 1, bytes: 2 }],
    totals: { objects: 1, bytes: 2 },
    partitions: [
      { name: 'all', from: 'a', to: 'b', objects: 1, bytes: 2, alreadyThere: 0, conflicts: 0, tombstones: 0 },
    ],
    unassigned: { objects: 0, bytes: 0 },
    excluded: { objects: 0, bytes: 0 },
    findings: [{ rule: 'r', severity: 'warning', subject: 's', message: 'm' }],
  };
}

/** Canonical where it can be, so that the check of the form alone does not stop every try. */
function textOf(value: unknown): string {
  try {
    return canonicalJson(value as Json);
  } catch {
    return JSON.stringify(value);
  }
}

/** A sealed plan whose parts were changed; its digest is made right again, as whoever writes one can. */
export const sealed: Target = {
  name: 'sealed',
  runs: 600,
  begin: () => {
    const { key } = newKeyPair();
    const whole = sealedOf(key.openssh, key.id);
    const texts = fc.oneof(
      fc.tuple(jsonChanges, fc.boolean()).map(([all, mended]) => {
        const value = changedJson(whole, all);
        try {
          const { plan } = value as typeof whole;
          if (mended) Object.assign(plan, { digest: digestOf(plan.document), name: plan.document.name });
        } catch {
          // There is no plan in it any more.
        }
        return textOf(value);
      }),
      changes.map((all) => changed(Buffer.from(canonicalJson(whole)), all).toString('utf8')),
    );
    const property = fc.asyncProperty(texts, async (text) => {
      await tame(() => parseSealed(text, 'plan.sealed'));
    });
    const text = canonicalJson(whole);
    const deep = (depth: number) => text.replace('[{"name":"all"}]', '['.repeat(depth) + ']'.repeat(depth));
    const examples = [text, deep(50_000), deep(2_000_000), text.replace('"kari"', '"\\ud800"'), 'null', '7', '[]'];
    return { property, examples: examples.map((one) => [one]) };
  },
};

/** Approvals, envelopes and proofs of any form: each says why it does not count. */
export const envelopes: Target = {
  name: 'envelopes',
  runs: 800,
  begin: async () => {
    const pair = newKeyPair();
    const approver = { name: 'kari', jurisdiction: 'NO', key: pair.key };
    const at = Date.parse('2026-01-02T03:04:05Z');
    const statement = {
      plan: 'test',
      sealed: 'sha256:x',
      approver: 'kari',
      jurisdiction: 'NO',
      keyid: pair.key.id,
      at: new Date(at).toISOString(),
      until: new Date(at + 1_000_000).toISOString(),
      what: ['run'] as const,
    };
    const signer = signerOf(parsePrivateKey(pair.privatePem));
    const text = await signApproval(statement, signer);
    const ask = {
      plan: 'test',
      sealed: 'sha256:x',
      what: 'run' as const,
      approvers: [approver],
      revoked: new Set<string>(),
      zone: new Set(['NO']),
      needed: 1,
      operator: 'ola',
      now: at + 1,
    };
    const proof = {
      format: 'ferry/proof/v1',
      head: text,
      objects: [{ inclusion: [], key: 'k', leaf: 0, salt: 'x', text: '{}' }],
      subject: 's',
    };
    const texts = fc.oneof(
      changes.map((all) => changed(Buffer.from(text), all).toString('utf8')),
      jsonChanges.map((all) => textOf(changedJson(JSON.parse(text), all))),
      jsonChanges.map((all) => `${textOf(changedJson(proof, all))}\n`),
      fc.json(),
    );
    const property = fc.asyncProperty(texts, async (some) => {
      const plainly = async (work: () => unknown): Promise<void> => {
        try {
          work();
        } catch (error) {
          // What a caller wraps into an error of its own.
          checkText(messageOf(error));
        }
      };
      await plainly(() => parseEnvelope(some));
      await plainly(() => readProof(some, pair.key));
      const { ok } = await tame(() => {
        const { counted, rejected } = judgeApprovals([{ from: 'f', text: some }], ask);
        for (const { why } of rejected) checkText(why);
        const same = JSON.stringify(JSON.parse(text)) === JSON.stringify(safeJson(some));
        if (counted.length > 0 && !same) checkSame(some, text);
      });
      if (!ok) throw new Error('it was not judged');
    });
    return { property, examples: [[text], [`{"payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]] };
  },
};

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** An approval counts only where what was signed is as it was. */
function checkSame(some: string, text: string): void {
  const payload = (envelope: string): string => parseEnvelope(envelope).payload.toString('hex');
  if (payload(some) !== payload(text)) throw new Error('a changed approval counts');
}

const MARKER = {
  format: 'ferry/tombstone/v1',
  notice: 'The object that was here has been moved to another data centre. This is not its content.',
  plan: 'test',
  ledger: 'l',
  partition: 'all',
  key: 'users/a',
  size: 3,
  sha256: 'a'.repeat(64),
  centre: { store: 'b', jurisdiction: 'NO', location: 'file:///b' },
  tombstonedAt: '2026-01-02T03:04:05.000Z',
  holdUntil: '2026-02-02T03:04:05.000Z',
};

/** Bytes at a legacy store that could pass for a tombstone. */
export const marker: Target = {
  name: 'marker',
  runs: 1_500,
  begin: () => {
    const whole = Buffer.from(`${canonicalJson(MARKER)}\n`);
    const all = fc.oneof(
      changes.map((some) => changed(whole, some)),
      jsonChanges.map((some) => Buffer.from(`${textOf(changedJson(MARKER, some))}\n`)),
    );
    const property = fc.asyncProperty(all, async (bytes) => {
      const ended = await tame(() => [looksLikeMarker(bytes), isWholeMarker(bytes, 'users/a')] as const);
      if (!ended.ok) throw ended.error;
      const [looks, is] = ended.value;
      if (is && !looks) throw new Error('a whole marker does not look like one');
      // A lone surrogate in a text of a marker is written as JSON writes it, which is not canonical.
      if (is && canonicalJson(JSON.parse(bytes.toString('utf8')) as Json) !== bytes.toString('utf8').slice(0, -1))
        throw new Error('it is taken for whole, and is not written as ferry writes it');
    });
    const bent = Buffer.from(whole.toString('utf8').replace('"plan":"test"', '"plan":"\\ud800"'));
    return { property, examples: [[whole], [bent]] };
  },
};
