import { z } from 'zod';
import { canonicalJson, type Json } from '../base/canonical.ts';
import type { Ed25519PublicKey } from '../base/ed25519.ts';
import { legible } from '../base/legible.ts';
import { includes, leafHash } from '../base/merkle.ts';
import { type Head, readHead } from './head.ts';
import { readLeaf } from './leaf.ts';
import { keyDigest, type ObjectLeaf } from './object-leaf.ts';

/** A person's proof: the leaves of some objects, each with its key in plain and its way to the root of a signed head. */
export const PROOF_FORMAT = 'ferry/proof/v1';

const hex = z.string().regex(/^[0-9a-f]{64}$/);

const proofSchema = z.strictObject({
  format: z.literal(PROOF_FORMAT),
  /** The text of the head's envelope. */
  head: z.string(),
  objects: z.array(
    z.strictObject({
      inclusion: z.array(hex),
      key: z.string(),
      /** The number of the leaf. */
      leaf: z.number().int().nonnegative(),
      salt: hex,
      /** The leaf itself. */
      text: z.string(),
    }),
  ),
  /** What was asked for, in words: `user=kari`. */
  subject: z.string(),
});

export type Proof = z.infer<typeof proofSchema>;

export interface ProvenObject {
  readonly key: string;
  readonly leaf: ObjectLeaf;
}

export function proofText(proof: Omit<Proof, 'format'>): string {
  return `${canonicalJson({ ...proof, format: PROOF_FORMAT } as unknown as Json)}\n`;
}

/** Whether a text looks like a proof, so that it can be told from a folder's bundle. */
export function looksLikeProof(text: string): boolean {
  return text.startsWith('{"format":"ferry/proof/');
}

/**
 * Checks a proof. Each object is what the signed log says of that key; that there are no others, it cannot show.
 *
 * @throws Error that names what is wrong.
 */
export function readProof(
  text: string,
  key: Ed25519PublicKey,
): { readonly head: Head; readonly subject: string; readonly objects: readonly ProvenObject[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const read = proofSchema.safeParse(value);
  if (!read.success) throw new Error(`it is no proof of this version: ${whereOf(read.error)}`);
  if (!isCanonical(value as Json, text)) throw new Error('it is not written as ferry writes it');
  const { head: envelope, objects, subject } = read.data;
  const head = readHead(envelope, [key]);
  const root = Buffer.from(head.root, 'hex');
  return { head, subject, objects: objects.map((object) => checkObject(object, head, root)) };
}

function whereOf({ issues }: z.ZodError): string {
  const path = issues[0]?.path.join('.') ?? '';
  return path === '' ? 'it has other members' : `${legible(path)} is not there, or not what it has to be`;
}

/** Half of a surrogate pair is never written. */
function isCanonical(value: Json, text: string): boolean {
  try {
    return `${canonicalJson(value)}\n` === text;
  } catch {
    return false;
  }
}

function checkObject(object: Proof['objects'][number], head: Head, root: Buffer): ProvenObject {
  const { leaf: at, text, inclusion, salt, key } = object;
  const name = `leaf ${at}`;
  const path = inclusion.map((node) => Buffer.from(node, 'hex'));
  if (!includes(root, head.size, at, leafHash(Buffer.from(text, 'utf8')), path))
    throw new Error(`${name} is not in the tree that the head signs`);
  const leaf = readLeaf(text);
  if (leaf.type !== 'object') throw new Error(`${name} is of no object`);
  if (keyDigest(Buffer.from(salt, 'hex'), key) !== leaf.key) throw new Error(`${name} is of another key`);
  return { key, leaf };
}
