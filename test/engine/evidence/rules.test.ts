import { describe, expect, it } from 'vitest';
import { FerryError } from '../../../src/base/errors.ts';
import { checkBundle } from '../../../src/engine/evidence/check.ts';
import { type Leaf, leafText } from '../../../src/evidence/leaf.ts';
import type { ObjectLeaf } from '../../../src/evidence/object-leaf.ts';
import { exported, leavesOf, lied, type Made } from '../../support/bundle.ts';
import { ferry } from '../../support/cli.ts';
import { type Laid, layOut } from '../../support/plan.ts';

type Mutable = { -readonly [K in keyof ObjectLeaf]: ObjectLeaf[K] };

/** The leaves of a plan that ran and was purged in part, as values. */
async function ran(change: object = {}): Promise<{ laid: Laid; leaves: Leaf[] }> {
  const laid = layOut(
    { tombstone: { hold: '0s' }, ...change },
    { 'users/NO/a': 'first', 'users/NO/b': 'second', 'users/DE/c': 'third' },
  );
  expect((await ferry(['run', laid.plan])).code).toBe(0);
  expect((await ferry(['purge', laid.plan, '--yes', '--partition', 'rest'])).code).toBe(0);
  const leaves = leavesOf(await exported(laid)).map((text) => JSON.parse(text) as Leaf);
  return { laid, leaves };
}

async function verdict(made: Made): Promise<string> {
  try {
    await checkBundle(made);
    return 'good';
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    expect(error.fault).toBe('integrity');
    return error.message;
  }
}

const isObject = (leaf: Leaf): leaf is ObjectLeaf => leaf.type === 'object';

describe('an operator who lies and signs it', () => {
  /** Each changes the leaves in place; the pattern is what the check then says, with the number of the leaf that it must name. */
  const lies: Record<string, readonly [(leaves: Leaf[]) => number, RegExp]> = {
    'that a source was emptied before its copy was verified': [
      (leaves) =>
        object(
          leaves,
          ({ verified, tombstone }) => verified !== undefined && tombstone !== undefined,
          (leaf) => {
            leaf.verified = { at: '2999-01-01T00:00:00.000Z', how: 'readback' };
          },
        ),
      /older than the verification/,
    ],
    'that a source was emptied without any verified copy': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'tombstoned',
          (leaf) => {
            leaf.verified = undefined;
          },
        ),
      /no copy was verified/,
    ],
    'without a digest': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'tombstoned',
          (leaf) => {
            leaf.sha256 = undefined;
          },
        ),
      /without a digest/,
    ],
    'without a tombstone': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'tombstoned',
          (leaf) => {
            leaf.tombstone = undefined;
          },
        ),
      /has no tombstone/,
    ],
    'that something was purged within its hold': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'purged',
          (leaf) => {
            if (leaf.tombstone) leaf.tombstone = { ...leaf.tombstone, holdUntil: '2999-01-01T00:00:00.000Z' };
          },
        ),
      /before its hold ended/,
    ],
    'that other bytes were purged than were verified': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'purged',
          (leaf) => {
            leaf.sha256 = '0'.repeat(64);
          },
        ),
      /not the one that was verified/,
    ],
    'that a leaf follows one of another object': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'purged',
          (leaf) => {
            leaf.was = leaves.findIndex((one) => isObject(one) && one.partition === 'nordic');
          },
        ),
      /is of another object/,
    ],
    'that a leaf follows one that is no object': [
      (leaves) =>
        object(
          leaves,
          ({ outcome }) => outcome === 'purged',
          (leaf) => {
            leaf.was = 0;
          },
        ),
      /not the newest of an object/,
    ],
    'that an object went where no plan moves it': [
      (leaves) =>
        object(
          leaves,
          ({ partition }) => partition === 'nordic',
          (leaf) => {
            leaf.centre = 'dublin';
          },
        ),
      /no plan before it moves nordic from legacy to dublin/,
    ],
    'that there are fewer objects': [
      (leaves) => {
        const at = leaves.findIndex((leaf) => isObject(leaf) && leaf.partition === 'nordic');
        leaves.splice(at, 1);
        for (const leaf of leaves) if (isObject(leaf) && leaf.was !== undefined) (leaf as Mutable).was = leaf.was - 1;
        return leaves.findIndex(({ type }) => type === 'tally');
      },
      /nordic has 2 tombstoned, the leaves before it 1/,
    ],
    'one object twice': [
      (leaves) => {
        const at = leaves.findIndex((leaf) => isObject(leaf) && leaf.partition === 'nordic');
        const other = leaves.findIndex((leaf, i) => i > at && isObject(leaf) && leaf.partition === 'nordic');
        (leaves[other] as Mutable).key = (leaves[at] as ObjectLeaf).key;
        return -1;
      },
      /two leaves are each the first of one object/,
    ],
    'that a call of ferry did not happen': [
      (leaves) => {
        const at = leaves.findIndex((leaf) => leaf.type === 'access' && leaf.event === 'begin');
        leaves.splice(at, 1);
        for (const leaf of leaves) if (isObject(leaf) && leaf.was !== undefined) (leaf as Mutable).was = leaf.was - 1;
        return at;
      },
      /ends call 1, which has not begun/,
    ],
    'that another host was reached for nobody to see': [
      (leaves) => {
        leaves.push({
          type: 'egress',
          invocation: 1,
          reached: [
            {
              address: '192.0.2.1',
              bytesIn: 1,
              bytesOut: 1,
              connections: 1,
              host: 'evil.example',
              port: 443,
              store: 'legacy',
            },
          ],
        });
        return leaves.length - 1;
      },
      /evil.example, port 443, was reached for legacy, and no plan names it/,
    ],
    'another plan than the one of its digest': [
      (leaves) => {
        const at = leaves.findIndex(({ type }) => type === 'plan');
        const plan = leaves[at] as { document: Record<string, unknown> };
        plan.document = { ...plan.document, verify: 'attested' };
        return at;
      },
      /not the one of the digest/,
    ],
    'with a leaf that has more to say': [
      (leaves) =>
        object(
          leaves,
          () => true,
          (leaf) => {
            (leaf as Mutable & { more: string }).more = 'x';
          },
        ),
      /no leaf that this version knows/,
    ],
    'a tally that does not add up': [
      (leaves) => {
        const at = leaves.findLastIndex(({ type }) => type === 'tally');
        (leaves[at] as { planned: number }).planned = 7;
        return at;
      },
      /do not add up/,
    ],
  };

  it.each(Object.entries(lies))('%s', async (_name, [lie, why]) => {
    const { laid, leaves } = await ran();
    expect(await verdict(await lied(laid, leaves.map(leafText)))).toBe('good');
    const at = lie(leaves);
    const found = await verdict(await lied(laid, leaves.map(leafText)));
    expect(found).toMatch(why);
    if (at >= 0) expect(found).toContain(`leaf ${at} `);
  });

  it('that a tombstone needed no approval', async () => {
    const { laid, leaves } = await ran();
    const plan = leaves.find(({ type }) => type === 'plan') as {
      document: Record<string, Record<string, unknown>>;
      digest: string;
    };
    plan.document['tombstone'] = { ...plan.document['tombstone'], approvals: 1 };
    const { digestOf } = await import('../../../src/base/digest.ts');
    plan.digest = digestOf(plan.document as never);
    expect(await verdict(await lied(laid, leaves.map(leafText)))).toMatch(/its tombstone was not approved/);
  });
});

/** Changes the first object that is asked for. @returns the number of its leaf. */
function object(leaves: Leaf[], which: (leaf: ObjectLeaf) => boolean, change: (leaf: Mutable) => void): number {
  const at = leaves.findIndex((leaf) => isObject(leaf) && which(leaf));
  expect(at).toBeGreaterThanOrEqual(0);
  change(leaves[at] as Mutable);
  return at;
}
