import { z } from 'zod';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { signEnvelope } from '../base/dsse.ts';
import type { Ed25519PublicKey, Signer } from '../base/ed25519.ts';
import { Frontier, nodeHash } from '../base/merkle.ts';
import { readSigned } from './head.ts';

/** A bundle is a folder of these files; docs/evidence.md tells each byte for byte. */
export const FILES = {
  head: 'head.json',
  manifest: 'manifest.json',
  /** Earlier heads, with proofs that this one extends them. */
  heads: 'heads.ndjson',
  key: 'key.pem',
  plan: 'plan.json',
  summary: 'SUMMARY.md',
  /** An answer of a time stamping authority (RFC 3161) over `head.json`; the only file that may come later. */
  timestamp: 'head.json.tsr',
} as const;

/** Leaves in a segment, all but the last: a whole subtree of the log's tree. */
export const SEGMENT_LEVEL = 16;
export const SEGMENT = 2 ** SEGMENT_LEVEL;

export const MANIFEST_TYPE = 'application/vnd.ferry.bundle+json';
const FORMAT = 'ferry/bundle/v1';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const file = { bytes: count, name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9./-]*$/), sha256: hex };

const manifestSchema = z.strictObject({
  files: z.array(z.strictObject(file)),
  format: z.literal(FORMAT),
  segments: z.array(
    z.strictObject({
      first: count,
      /** The leaves' hashes, 32 bytes each. */
      hashes: z.strictObject(file),
      leaves: count,
      /** The leaves, each with an end of line, as one frame of Zstandard. */
      lines: z.strictObject(file),
      /** Of the subtree over these leaves. */
      root: hex,
    }),
  ),
});

/** What a bundle holds: each file with its size in bytes and its SHA-256. */
export type Manifest = z.infer<typeof manifestSchema>;
export type BundleFile = Manifest['files'][number];
export type Segment = Manifest['segments'][number];

export async function signManifest(manifest: Omit<Manifest, 'format'>, signer: Signer): Promise<string> {
  const text = canonicalJson({ ...manifest, format: FORMAT } as unknown as Json);
  return await signEnvelope(MANIFEST_TYPE, Buffer.from(text), signer);
}

/** @throws Error that says what is wrong. */
export function readManifest(text: string, keys: readonly Ed25519PublicKey[]): Manifest {
  const manifest = readSigned(text, MANIFEST_TYPE, keys, manifestSchema);
  let next = 0;
  for (const [i, { first, leaves }] of manifest.segments.entries()) {
    const isLast = i === manifest.segments.length - 1;
    const isWhole = leaves === SEGMENT || (isLast && leaves > 0 && leaves < SEGMENT);
    if (first !== next || !isWhole) throw new Error(`segment ${i} is not where it has to be`);
    next += leaves;
  }
  return manifest;
}

/** The root of the tree over all segments, from the roots of each. */
export function rootOf(segments: readonly Pick<Segment, 'leaves' | 'root'>[]): Buffer {
  const tree = new Frontier();
  for (const { leaves, root } of segments) {
    const subtree = Buffer.from(root, 'hex');
    if (leaves === SEGMENT) tree.pushTree(subtree, SEGMENT_LEVEL);
    // The last one hangs to the right of all whole subtrees (RFC 6962, section 2.1).
    else return tree.size === 0 ? subtree : foldRight(tree, subtree);
  }
  return tree.root();
}

function foldRight(tree: Frontier, last: Buffer): Buffer {
  return tree.wholes().reduce((right, left) => nodeHash(left, right), last);
}

/** Keys in plain with their salts, in files of as many lines as a segment has; only where that was asked for. */
export function keysName(index: number): string {
  return `keys/${String(index).padStart(6, '0')}.ndjson.zst`;
}

export function segmentName(index: number, kind: 'lines' | 'hashes'): string {
  return `segments/${String(index).padStart(6, '0')}${kind === 'lines' ? '.ndjson.zst' : '.hashes'}`;
}
