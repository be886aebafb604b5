import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { FerryError, messageOf } from '../../base/errors.ts';
import { leafHashText, rootOfHashes } from '../../base/merkle.ts';
import { readLeaf } from '../../evidence/leaf.ts';
import type { BundleFile, Segment } from '../../evidence/manifest.ts';
import { linesOf } from '../../ledger/log-book.ts';
import { fault, wrongLeaf } from './faults.ts';
import type { Openings } from './openings.ts';
import type { Rules } from './rules.ts';

/** Longer than any leaf, in bytes: a file that was made to unpack without end is not read on. */
const LONGEST = 64 * 1024 * 1024;
/**
 * Checks the leaves of one segment against the tree and, where there are any, the rules.
 *
 * @throws FerryError `integrity` that names the first leaf that is wrong.
 */
export async function checkSegment(
  folder: string,
  segment: Segment,
  rules: Rules | undefined,
  openings: Openings,
): Promise<void> {
  const { hashes: file, lines, leaves, first, root } = segment;
  const hashes = readExactly(folder, file);
  if (hashes.byteLength !== leaves * 32 || rootOfHashes(Buffer.from(hashes)).toString('hex') !== root)
    throw fault(file.name, 'the hashes are not those of the tree that the head signs');
  const bytes = readSome(folder, lines);
  let i = 0;
  const objects = new Runs(hashes, rules);
  const check = (line: Buffer): void => {
    if (i === leaves) throw new Error('the tree has no such leaf');
    if (!told.startsWith(leafHashText(line), (i - from) * 32)) throw new Error('it is not the one that is in the tree');
    if (rules === undefined) return;
    const leaf = readLeaf(textOf(line));
    rules.take(leaf);
    openings.take(first + i, leaf);
    objects.leaf(i, leaf.type === 'object');
  };
  // The hashes of the leaves at hand, as text, which is cheap to compare with.
  let told = '';
  let from = 0;
  for await (const some of linesIn(bytes, lines.name, () => first + i)) {
    from = i;
    told = hashes.toString('latin1', from * 32, (from + some.length) * 32);
    for (const line of some) {
      try {
        check(line);
      } catch (error) {
        throw wrongLeaf(first + i, segment, i, messageOf(error));
      }
      i += 1;
    }
  }
  if (i < leaves) throw wrongLeaf(first + i, segment, i, 'it is missing');
  objects.end(i);
  if (bytes.byteLength !== lines.bytes || createHash('sha256').update(bytes).digest('hex') !== lines.sha256)
    throw fault(lines.name, 'its leaves are whole, but its bytes are not those that were signed');
}

/** Gives the hashes of leaves of objects to the rules, in runs as long as they come. */
class Runs {
  readonly #hashes: Buffer;
  readonly #rules: Rules | undefined;
  #from = -1;

  constructor(hashes: Buffer, rules: Rules | undefined) {
    this.#hashes = hashes;
    this.#rules = rules;
  }

  leaf(at: number, isObject: boolean): void {
    if (isObject && this.#from < 0) this.#from = at;
    else if (!isObject) this.end(at);
  }

  end(at: number): void {
    if (this.#from >= 0) this.#rules?.digests(this.#hashes.subarray(this.#from * 32, at * 32));
    this.#from = -1;
  }
}

/** Bytes that are unpacked at once. */
const CHUNK = 256 * 1024;

/** The leaves of a compressed segment, some at a time; also of one that was changed, as far as they can be read. */
export async function* linesIn(bytes: Buffer, name: string, next: () => number): AsyncGenerator<readonly Buffer[]> {
  const unpacked = Readable.from([bytes]).pipe(createZstdDecompress({ chunkSize: CHUNK }));
  // The beginning of a leaf whose end has not come; put together once it has.
  let held: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(10) + 1;
      if (end > 0) {
        yield linesOf(held.length === 0 ? chunk : Buffer.concat([...held, chunk]));
        held = [];
        size = 0;
      }
      if (end < chunk.byteLength) held.push(chunk.subarray(end));
      size += chunk.byteLength - end;
      if (size > LONGEST) throw fault(name, `leaf ${next()} is longer than a leaf can be`);
    }
  } catch (error) {
    if (error instanceof FerryError) throw error;
    throw fault(name, `it cannot be decompressed: leaf ${next()} and what follows cannot be read`);
  }
  if (size > 0) throw fault(name, `leaf ${next()} has no end`);
}

/** A changed file too, so that its first wrong leaf can be named; not one that was made to fill the memory. */
function readSome(folder: string, { name, bytes }: BundleFile): Buffer {
  const path = join(folder, name);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw fault(name, 'the file is missing');
  if (size > bytes + LONGEST) throw fault(name, `it has ${size} bytes, and had ${bytes} when it was signed`);
  return readFileSync(path);
}

function readExactly(folder: string, { name, bytes, sha256 }: BundleFile): Buffer {
  const path = join(folder, name);
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytes)
    throw fault(name, `it is missing, or has not the ${bytes} bytes that it had when it was signed`);
  const read = readFileSync(path);
  if (createHash('sha256').update(read).digest('hex') !== sha256)
    throw fault(name, 'its bytes are not those that were signed');
  return read;
}

/** All other bytes than ASCII are those of names that JSON has as they are; `readLeaf` compares them with what they stand for. */
function textOf(line: Buffer): string {
  const text = line.toString('utf8');
  if (text.includes('�')) throw new Error('it is not UTF-8');
  return text;
}
