import { createPublicKey, hash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { canonicalJson, type Json } from '../../base/canonical.ts';
import { sha256Hex } from '../../base/digest.ts';
import type { Signer } from '../../base/ed25519.ts';
import { FerryError } from '../../base/errors.ts';
import { consistencyProof, leafHashText, rootOfHashes } from '../../base/merkle.ts';
import { type Head, readHead } from '../../evidence/head.ts';
import {
  type BundleFile,
  FILES,
  keysName,
  SEGMENT,
  type Segment,
  segmentName,
  signManifest,
} from '../../evidence/manifest.ts';
import { saltOf } from '../../evidence/object-leaf.ts';
import { TreeIndex } from '../../evidence/tree-index.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { linesOf } from '../../ledger/log-book.ts';
import { type HeadWork, ObjectLeaves, signedHead } from './signed-head.ts';
import { summaryText } from './summary.ts';

export interface ExportWork extends HeadWork {
  /** A folder that is empty or not there. */
  readonly folder: string;
  /** Writes a file of the bundle; on disk when it returns. */
  readonly write: (file: string, bytes: Uint8Array | string) => void;
  /** Whether the objects' keys go along in plain, with their salts. */
  readonly plainKeys?: boolean;
  /** Numbers of the segments whose files are written; all where left out. */
  readonly segments?: ReadonlySet<number> | undefined;
}

export interface Exported {
  readonly head: Head;
  readonly segments: number;
  readonly files: number;
  readonly bytes: number;
}

/** SubjectPublicKeyInfo of Ed25519 before the key's 32 bytes (RFC 8410, section 4). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Writes the log, as it is, as a bundle: segment by segment, so that memory does not grow with the log. The head comes last but for the
 * manifest, so that a folder without one is no bundle.
 */
export async function exportBundle(work: ExportWork): Promise<Exported> {
  const { ledger, signer, folder, write } = work;
  refuseFull(folder);
  mkdirSync(join(folder, 'segments'), { recursive: true, mode: 0o700 });
  const { segments, index, objects } = writeSegments(work);
  checkRoot(work, index);
  const envelope = await signedHead(work, objects);
  const head = readHead(envelope, [signer.key]);
  const files: BundleFile[] = [];
  const add = (name: string, bytes: Uint8Array | string): void => {
    write(join(folder, name), bytes);
    files.push(fileOf(name, bytes));
  };
  add(FILES.heads, earlierHeads(ledger, signer, index));
  add(FILES.key, pemOf(signer));
  add(FILES.plan, canonicalJson(work.plan.document as Json));
  add(FILES.summary, summaryText(ledger, head));
  if (work.plainKeys === true) {
    mkdirSync(join(folder, 'keys'), { mode: 0o700 });
    for (const [i, bytes] of openings(ledger)) add(keysName(i), bytes);
  }
  write(join(folder, FILES.head), envelope);
  files.push(fileOf(FILES.head, envelope));
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  write(join(folder, FILES.manifest), await signManifest({ files, segments }, signer));
  const parts = segments.flatMap(({ lines, hashes }) => [lines, hashes]);
  const bytes = [...files, ...parts].reduce((sum, file) => sum + file.bytes, 0);
  return { head, segments: segments.length, files: files.length + parts.length + 1, bytes };
}

function refuseFull(folder: string): void {
  let there: string[] = [];
  try {
    there = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notAFolder(folder, 'it cannot be read as a folder');
  }
  if (there.length > 0) throw notAFolder(folder, 'it is not empty, and nothing is overwritten');
}

function notAFolder(folder: string, why: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'export evidence to', subject: folder, why, hint: 'name another --out' });
}

function writeSegments(work: ExportWork) {
  const { ledger } = work;
  const index = new TreeIndex((start, end) => ledger.log.lines(start, end));
  const objects = new ObjectLeaves();
  const segments: Segment[] = [];
  const open = new OpenSegment();
  const end = (): void => {
    segments.push(open.end(segments.length, work));
  };
  for (const { lines } of ledger.log.batches()) {
    for (const line of linesOf(lines)) {
      const digest = leafHashText(line);
      index.push(digest);
      objects.take(line, digest);
      open.push(line, digest);
      if (open.leaves === SEGMENT) end();
    }
  }
  if (open.leaves > 0) end();
  return { segments, index, objects: objects.end() };
}

/** The segment that is being written, in memory that is used again for the next one. */
class OpenSegment {
  #text = Buffer.alloc(1024 * 1024);
  #length = 0;
  readonly #hashes = Buffer.alloc(SEGMENT * 32);
  leaves = 0;

  push(line: Buffer, digest: string): void {
    const end = this.#length + line.byteLength + 1;
    if (end > this.#text.byteLength) this.#text = Buffer.concat([this.#text], Math.ceil(end * 1.25));
    line.copy(this.#text, this.#length);
    this.#text[end - 1] = 10;
    this.#length = end;
    this.#hashes.write(digest, this.leaves * 32, 'latin1');
    this.leaves += 1;
  }

  end(number: number, { folder, write, segments: wanted }: ExportWork): Segment {
    const { leaves } = this;
    const names = { lines: segmentName(number, 'lines'), hashes: segmentName(number, 'hashes') };
    const lines = zstdCompressSync(this.#text.subarray(0, this.#length));
    const hashes = this.#hashes.subarray(0, leaves * 32);
    if (wanted === undefined || wanted.has(number)) {
      write(join(folder, names.lines), lines);
      write(join(folder, names.hashes), hashes);
    }
    const files = { hashes: fileOf(names.hashes, hashes), lines: fileOf(names.lines, lines) };
    this.#length = 0;
    this.leaves = 0;
    // The hashes are used up by this.
    return { first: number * SEGMENT, ...files, leaves, root: rootOfHashes(hashes).toString('hex') };
  }
}

function checkRoot({ plan, ledger }: ExportWork, index: TreeIndex): void {
  if (index.subtree(0, index.size).equals(ledger.log.root())) return;
  throw new FerryError({
    fault: 'integrity',
    op: 'export evidence of',
    subject: `plan ${plan.name}`,
    why: 'the leaves in the ledger are not those of its tree: the log was changed from outside',
    hint: 'keep the state directory as it is, and look who wrote to it',
  });
}

/** One line for each earlier head of this key: canonical JSON, with the proof that this log begins with it. */
function earlierHeads(ledger: Ledger, signer: Signer, index: TreeIndex): string {
  const earlier = ledger.log.heads().filter(({ size, keyid }) => size < index.size && keyid === signer.key.id);
  return earlier
    .map(({ size, envelope }) => {
      const proof = consistencyProof(size, index.size, index.subtree).map((node) => node.toString('hex'));
      return `${canonicalJson({ consistency: proof, envelope })}\n`;
    })
    .join('');
}

function* openings(ledger: Ledger): Generator<readonly [number, Buffer]> {
  const secret = ledger.log.salt();
  let lines: string[] = [];
  let file = 0;
  for (const { leaf, source, key } of ledger.log.keys()) {
    const salt = saltOf(secret, source, key).toString('hex');
    lines.push(`${canonicalJson({ key, leaf, salt, source })}\n`);
    if (lines.length < SEGMENT) continue;
    yield [file++, zstdCompressSync(Buffer.from(lines.join('')))];
    lines = [];
  }
  if (lines.length > 0) yield [file, zstdCompressSync(Buffer.from(lines.join('')))];
}

function pemOf({ key }: Signer): string {
  const der = Buffer.concat([SPKI, key.wire.subarray(-32)]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ format: 'pem', type: 'spki' }).toString();
}

function fileOf(name: string, bytes: Uint8Array | string): BundleFile {
  const raw = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  return { bytes: raw.byteLength, name, sha256: typeof bytes === 'string' ? sha256Hex(bytes) : hash('sha256', raw) };
}
