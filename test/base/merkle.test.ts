import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  consistencyProof,
  EMPTY_ROOT,
  extendsTree,
  Frontier,
  includes,
  inclusionProof,
  leafHash,
} from '../../src/base/merkle.ts';

/** RFC 6962 section 2.1 word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return sha(Buffer.from([0]), ...leaves);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.from([1]), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

/** The leaves and roots that the log of Certificate Transparency is tested with (certificate-transparency, merkletree tests). */
const KNOWN_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const KNOWN_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`leaf ${i}`));
const treeOf = (leaves: readonly Buffer[]): Frontier => {
  const tree = new Frontier();
  for (const leaf of leaves) tree.push(leafHash(leaf));
  return tree;
};

describe('a Merkle tree', () => {
  it('has the roots that are known', () => {
    const leaves = KNOWN_LEAVES.map((hex) => Buffer.from(hex, 'hex'));
    expect(new Frontier().root()).toEqual(EMPTY_ROOT);
    for (const [i, root] of KNOWN_ROOTS.entries()) {
      expect(
        treeOf(leaves.slice(0, i + 1))
          .root()
          .toString('hex'),
      ).toBe(root);
    }
  });

  it('grows to what RFC 6962 says, from wherever it was put down, also by whole subtrees', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), (a, b) => {
        const [first, size] = a < b ? [a, b] : [b, a];
        const leaves = leavesOf(size);
        const before = treeOf(leaves.slice(0, first));
        const after = Frontier.of(first, before.bytes());
        for (const leaf of leaves.slice(first)) after.push(leafHash(leaf));
        expect(after.root()).toEqual(mth(leaves));
        expect(after.size).toBe(size);
        const byFours = new Frontier();
        for (let at = 0; at + 4 <= size; at += 4) byFours.pushTree(mth(leaves.slice(at, at + 4)), 2);
        for (const leaf of leaves.slice(byFours.size)) byFours.push(leafHash(leaf));
        expect(byFours.root()).toEqual(mth(leaves));
      }),
    );
    expect(() => Frontier.of(3, Buffer.alloc(32))).toThrow();
    expect(() => treeOf(leavesOf(3)).pushTree(EMPTY_ROOT, 1)).toThrow(RangeError);
  });
});

describe('proofs', () => {
  const size = fc.integer({ min: 1, max: 70 });

  it('of inclusion hold for the leaf they are of, and for nothing else', () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (n, a, change) => {
        const leaves = leavesOf(n);
        const at = a % n;
        const root = mth(leaves);
        const proof = inclusionProof(at, n, (from, to) => mth(leaves.slice(from, to)));
        const leaf = leafHash(leaves[at] ?? Buffer.alloc(0));
        expect(includes(root, n, at, leaf, proof)).toBe(true);
        expect(includes(root, n, at, leafHash(Buffer.from('other')), proof)).toBe(false);
        expect(includes(EMPTY_ROOT, n, at, leaf, proof)).toBe(false);
        expect(includes(root, n, at, leaf, [...proof, root])).toBe(false);
        expect(includes(root, n, n, leaf, proof)).toBe(false);
        if (n > 1) {
          expect(includes(root, n, (at + 1 + (change % (n - 1))) % n, leaf, proof)).toBe(false);
          expect(includes(root, n, at, leaf, proof.slice(1))).toBe(false);
          const flipped = proof.map((node) => Buffer.from(node));
          const node = flipped[change % flipped.length];
          if (node !== undefined) node[change % 32] = (node[change % 32] ?? 0) ^ 1;
          expect(includes(root, n, at, leaf, flipped)).toBe(false);
        }
      }),
    );
  });

  it('of consistency hold for the tree that was, and for no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), size, fc.nat(), (a, n, change) => {
        const first = a % (n + 1);
        const leaves = leavesOf(n);
        const proof = consistencyProof(first, n, (from, to) => mth(leaves.slice(from, to)));
        const earlier = { root: mth(leaves.slice(0, first)), size: first };
        const later = { root: mth(leaves), size: n };
        expect(extendsTree(earlier, later, proof)).toBe(true);
        expect(extendsTree({ ...earlier, root: leafHash(Buffer.from('x')) }, later, proof)).toBe(false);
        expect(extendsTree(earlier, { ...later, root: leafHash(Buffer.from('x')) }, proof)).toBe(first === 0);
        expect(extendsTree(earlier, later, [...proof, later.root])).toBe(false);
        if (proof.length === 0) return;
        expect(extendsTree(earlier, later, proof.slice(1))).toBe(false);
        const flipped = proof.map((node) => Buffer.from(node));
        const node = flipped[change % flipped.length];
        if (node !== undefined) node[change % 32] = (node[change % 32] ?? 0) ^ 1;
        expect(extendsTree(earlier, later, flipped)).toBe(false);
      }),
    );
  });
});
