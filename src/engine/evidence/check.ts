import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, type Json } from '../../base/canonical.ts';
import { type Ed25519PublicKey, parsePublicKey } from '../../base/ed25519.ts';
import { FerryError } from '../../base/errors.ts';
import { extendsTree } from '../../base/merkle.ts';
import { type Head, readHead } from '../../evidence/head.ts';
import { type BundleFile, FILES, type Manifest, readManifest, rootOf } from '../../evidence/manifest.ts';
import { checkSegment } from './check-segment.ts';
import { fault, wrong } from './faults.ts';
import { Openings } from './openings.ts';
import { type Counted, Rules } from './rules.ts';
import { checkTimestamp } from './timestamp.ts';

export interface CheckWork {
  readonly folder: string;
  /** From whoever signed it, not from the bundle. */
  readonly key: Ed25519PublicKey;
  /** Only these segments, by number: their leaves are checked to be those of the tree, but rules over all leaves cannot be. */
  readonly segments?: ReadonlySet<number> | undefined;
  /** Whose audits count; left out, signatures of auditors are not judged. */
  readonly auditors?: readonly Ed25519PublicKey[];
}

export interface CheckedBundle {
  readonly head: Head;
  readonly segments: number;
  /** Leaves that were read. */
  readonly leaves: number;
  readonly earlierHeads: number;
  /** When a time stamping authority says it saw the head; its own signature is not checked here. */
  readonly stampedAt: string | undefined;
  /** `undefined` where only some segments were checked. */
  readonly counted: Counted | undefined;
  readonly manifest: Manifest;
}

/** Of each other file that is read whole. */
const LONGEST_FILE = 64 * 1024 * 1024;

/**
 * Checks a bundle: signatures, the digest of every file, every leaf's place in the tree, and the rules over all leaves. No network, no
 * ledger; one segment is in memory at a time.
 *
 * @throws FerryError `integrity` that names the first thing that is wrong; `usage` where the folder is no bundle.
 */
export async function checkBundle(work: CheckWork): Promise<CheckedBundle> {
  const { folder, key, segments: wanted } = work;
  const present = filesOf(folder);
  if (!present.has(FILES.head) && !present.has(FILES.manifest)) throw noBundle(folder);
  const headText = readText(folder, FILES.head);
  const head = wrong(FILES.head, () => readHead(headText, [key]));
  const manifest = wrong(FILES.manifest, () => readManifest(readText(folder, FILES.manifest), [key]));
  checkTree(head, manifest);
  if (wanted === undefined) await checkFiles(folder, present, manifest);
  else requireNumbers(wanted, manifest);
  const rules = wanted === undefined ? new Rules(head, work.auditors) : undefined;
  const keys = manifest.files.map(({ name }) => name).filter((name) => name.startsWith('keys/'));
  const openings = wrong('keys', () => new Openings(folder, wanted === undefined ? keys : []));
  let leaves = 0;
  for (const [i, segment] of manifest.segments.entries()) {
    if (wanted?.has(i) === false) continue;
    await checkSegment(folder, segment, rules, openings);
    leaves += segment.leaves;
  }
  wrong('keys', () => openings.end());
  const counted = rules && wrong('all leaves together', () => rules.end());
  const earlier = wanted === undefined ? checkHeads(folder, head, key) : 0;
  if (wanted === undefined) checkCopies(folder, key, head);
  const stampedAt = present.has(FILES.timestamp)
    ? wrong(FILES.timestamp, () => checkTimestamp(readStamp(folder), Buffer.from(headText)))
    : undefined;
  return { head, segments: manifest.segments.length, leaves, earlierHeads: earlier, stampedAt, counted, manifest };
}

function checkTree(head: Head, { segments }: Manifest): void {
  const leaves = segments.reduce((sum, segment) => sum + segment.leaves, 0);
  if (leaves !== head.size) throw fault(FILES.manifest, `its segments have ${leaves} leaves, the head ${head.size}`);
  if (rootOf(segments).toString('hex') !== head.root)
    throw fault(FILES.manifest, 'the roots of its segments are not those of the tree that the head signs');
}

/** Every file that the manifest names is there and as it says, and nothing else is. */
async function checkFiles(folder: string, present: ReadonlySet<string>, { files, segments }: Manifest): Promise<void> {
  const all = new Map(files.map((file) => [file.name, file]));
  const parts = segments.flatMap(({ lines, hashes }) => [lines, hashes]);
  for (const { name } of [...files, ...parts]) if (!present.has(name)) throw fault(name, 'the file is missing');
  const known = new Set([FILES.manifest, FILES.timestamp, ...all.keys(), ...parts.map(({ name }) => name)]);
  for (const name of present) if (!known.has(name)) throw fault(name, 'the manifest knows no such file');
  for (const name of [FILES.head, FILES.heads, FILES.key, FILES.plan, FILES.summary])
    if (!all.has(name)) throw fault(FILES.manifest, `it does not name ${name}`);
  for (const file of files) await checkFile(folder, file);
}

async function checkFile(folder: string, { name, bytes, sha256 }: BundleFile): Promise<void> {
  const path = join(folder, name);
  const { size } = statSync(path);
  if (size !== bytes) throw fault(name, `it has ${size} bytes, and had ${bytes} when it was signed`);
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer);
  if (digest.digest('hex') !== sha256) throw fault(name, 'its bytes are not those that were signed');
}

/** Earlier heads: signed by the same key, and what they signed is what this log begins with. */
function checkHeads(folder: string, head: Head, key: Ed25519PublicKey): number {
  const lines = readText(folder, FILES.heads).split('\n').slice(0, -1);
  let last = -1;
  for (const [i, line] of lines.entries()) {
    wrong(`${FILES.heads}, line ${i + 1}`, () => {
      const value = JSON.parse(line) as { consistency: string[]; envelope: string };
      if (canonicalJson(value as unknown as Json) !== line) throw new Error('it is not canonical JSON');
      const earlier = readHead(value.envelope, [key]);
      if (earlier.size < last) throw new Error('earlier heads are out of order');
      last = earlier.size;
      const proof = value.consistency.map((node) => Buffer.from(node, 'hex'));
      const tree = (one: Head) => ({ root: Buffer.from(one.root, 'hex'), size: one.size });
      if (earlier.ledger !== head.ledger || !extendsTree(tree(earlier), tree(head), proof))
        throw new Error('this log does not begin with what that head signed');
    });
  }
  return lines.length;
}

/** What stands in the bundle a second time, for people. */
function checkCopies(folder: string, key: Ed25519PublicKey, head: Head): void {
  wrong(FILES.key, () => {
    if (parsePublicKey(readText(folder, FILES.key)).id !== key.id) throw new Error('it is not the key that was given');
  });
  wrong(FILES.plan, () => {
    const digest = createHash('sha256').update(readText(folder, FILES.plan)).digest('hex');
    if (`sha256:${digest}` !== head.plan.digest) throw new Error('it is not the plan of the head');
  });
}

function requireNumbers(wanted: ReadonlySet<number>, { segments }: Manifest): void {
  for (const number of wanted) {
    if (segments[number] !== undefined) continue;
    const hint = `they are numbered from 0 to ${segments.length - 1}`;
    throw new FerryError({ fault: 'usage', op: 'check', subject: `segment ${number}`, why: 'there is no such', hint });
  }
}

function filesOf(folder: string): ReadonlySet<string> {
  try {
    const all = readdirSync(folder, { withFileTypes: true, recursive: true });
    const root = folder.replace(/\/+$/, '');
    return new Set(
      all
        .filter((entry) => !entry.isDirectory())
        .map((entry) => requireFile(join(entry.parentPath, entry.name), entry.name) && entry)
        .map(({ parentPath, name }) => join(parentPath, name).slice(join(root).length + 1)),
    );
  } catch (error) {
    throw error instanceof FerryError ? error : noBundle(folder);
  }
}

/** What is read without end, or waits for someone to write it, is none. */
function requireFile(path: string, name: string): true {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw fault(name, 'it is not a file');
  return true;
}

function readText(folder: string, name: string): string {
  const path = join(folder, name);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw fault(name, 'the file is missing');
  if (size > LONGEST_FILE) throw fault(name, `it is longer than ${LONGEST_FILE} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch {
    throw fault(name, 'it is not UTF-8 text');
  }
}

/** Of an answer of a time stamping authority, with its certificates. */
const LONGEST_STAMP = 1024 * 1024;

function readStamp(folder: string): Buffer {
  const path = join(folder, FILES.timestamp);
  if (statSync(path).size > LONGEST_STAMP) throw fault(FILES.timestamp, `it is longer than ${LONGEST_STAMP} bytes`);
  return readFileSync(path);
}

function noBundle(folder: string): FerryError {
  const why = 'there is no bundle: neither head.json nor manifest.json';
  return new FerryError({ fault: 'usage', op: 'check the evidence', subject: folder, why, hint: 'name its folder' });
}
