import { createHmac, hash } from 'node:crypto';
import { canonicalJson, type Json } from '../base/canonical.ts';

/** What became of an object: every state but `planned`, of which nothing is to be proven. */
export const OUTCOMES = [
  'copied',
  'verified',
  'tombstoned',
  'purged',
  'restored',
  'conflict',
  'gone',
  'held',
  'unverifiable',
  'failed',
] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

/** The leaf of one object and its outcome. Times are RFC 3339 in UTC with milliseconds. docs/evidence.md tells it byte for byte. */
export interface ObjectLeaf {
  readonly type: 'object';
  readonly partition: string;
  readonly source: string;
  /** Of a bucket: the ETag, or the id of the version. */
  readonly sourceVersion?: string | undefined;
  /** `sha256:` and the digest of salt and key: see `keyDigest`. */
  readonly key: string;
  readonly size: number;
  /** Hex, of the bytes that were read at the source; absent where none were. */
  readonly sha256?: string | undefined;
  readonly centre: string;
  readonly centreVersion?: string | undefined;
  readonly outcome: OutcomeName;
  /** Of a whole history: how many states, and the SHA-256 over their canonical list. */
  readonly history?: { readonly digest: string; readonly states: number } | undefined;
  readonly verified?: { readonly at: string; readonly how: string } | undefined;
  readonly tombstone?: { readonly at: string; readonly holdUntil: string } | undefined;
  readonly purge?:
    | {
        readonly at: string;
        readonly marker: string;
        readonly markers: number;
        readonly uploads: number;
        readonly versions: number;
      }
    | undefined;
  /** The bytes at the centre, or what it says of them, did not agree. */
  readonly integrity?: true | undefined;
  /** The number of this object's leaf before this one. */
  readonly was?: number | undefined;
}

/** The canonical JSON (RFC 8785) of a leaf. */
export function objectText(leaf: ObjectLeaf): string {
  return canonicalJson(leaf as unknown as Json);
}

/**
 * The salt of one key: whoever is told it can check this key's digest and no other. 32 bytes.
 *
 * @param secret of the ledger.
 */
export function saltOf(secret: Uint8Array, source: string, key: string): Buffer {
  return createHmac('sha256', secret).update(`${source}\n${key}`).digest();
}

/** What stands for a key: `sha256:` and the hex SHA-256 of the salt's 32 bytes, then the key as UTF-8. */
export function keyDigest(salt: Uint8Array, key: string): string {
  return `sha256:${hash('sha256', Buffer.concat([salt, Buffer.from(key, 'utf8')]))}`;
}

const NAME = String.raw`"([^"\\\u0000-\u001f]+)"`;
const TIME = String.raw`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"`;
const HEX = '([0-9a-f]{64})';
const COUNT = '(0|[1-9][0-9]{0,15})';

/** The one text that a leaf can have: members in the order of RFC 8785, without white space. */
const FORM = new RegExp(
  [
    String.raw`^\{"centre":${NAME}`,
    `(?:,"centreVersion":${NAME})?`,
    String.raw`(?:,"history":\{"digest":"${HEX}","states":${COUNT}\})?`,
    '(,"integrity":true)?',
    `,"key":"(sha256:[0-9a-f]{64})"`,
    `,"outcome":"(${OUTCOMES.join('|')})"`,
    `,"partition":${NAME}`,
    String.raw`(?:,"purge":\{"at":${TIME},"marker":"(removed|left)","markers":${COUNT},"uploads":${COUNT},"versions":${COUNT}\})?`,
    `(?:,"sha256":"${HEX}")?`,
    `,"size":${COUNT}`,
    `,"source":${NAME}`,
    `(?:,"sourceVersion":${NAME})?`,
    String.raw`(?:,"tombstone":\{"at":${TIME},"holdUntil":${TIME}\})?`,
    ',"type":"object"',
    String.raw`(?:,"verified":\{"at":${TIME},"how":"(readback|attested)"\})?`,
    `(?:,"was":${COUNT})?`,
    String.raw`\}$`,
  ].join(''),
);

/**
 * Reads the canonical text of an object's leaf: several times faster than JSON and a comparison, and no less strict.
 *
 * @returns `undefined` for any other text. Names with characters that JSON escapes are not for it.
 */
export function readObject(text: string): ObjectLeaf | undefined {
  const m = FORM.exec(text);
  if (m === null) return undefined;
  const count = (at: number): number => Number(m[at]);
  return {
    type: 'object',
    centre: m[1] ?? '',
    centreVersion: m[2],
    history: m[3] === undefined ? undefined : { digest: m[3], states: count(4) },
    integrity: m[5] === undefined ? undefined : true,
    key: m[6] ?? '',
    outcome: m[7] as OutcomeName,
    partition: m[8] ?? '',
    purge:
      m[9] === undefined
        ? undefined
        : { at: m[9], marker: m[10] ?? '', markers: count(11), uploads: count(12), versions: count(13) },
    sha256: m[14],
    size: count(15),
    source: m[16] ?? '',
    sourceVersion: m[17],
    tombstone: m[18] === undefined ? undefined : { at: m[18], holdUntil: m[19] ?? '' },
    verified: m[20] === undefined ? undefined : { at: m[20], how: m[21] ?? '' },
    was: m[22] === undefined ? undefined : count(22),
  };
}
