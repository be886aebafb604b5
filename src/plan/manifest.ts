import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { FerryError, messageOf } from '../base/errors.ts';
import type { ManifestFormat } from './types.ts';

export interface ManifestSource {
  /** Absolute path; a name that ends in `.gz` is gunzipped. */
  readonly path: string;
  readonly format: ManifestFormat;
  /**
   * Where the keys are, for CSV alone: its keys are those of the bucket, not of the store. Rows outside `prefix` are skipped; a row of
   * another bucket is an error.
   */
  readonly bucket?: { readonly name: string; readonly prefix: string } | undefined;
}

/** Keys are at most 1,024 bytes; an inventory row with all optional columns stays far below this. */
const MAX_LINE = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The keys of a manifest, in its order, repetitions included. Reads as a stream.
 *
 * - `lines`: one key a line, taken as it stands but for the line end (LF or CRLF).
 * - `ndjson`: one JSON string a line, or one JSON object with a string `key`.
 * - `csv`: rows of S3 Inventory or S3 Batch Operations: bucket, key, and columns that are not looked at. The key is URL-encoded, a
 *   space as `%20` or `+` (https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html).
 *
 * Empty lines are skipped.
 *
 * @throws FerryError `usage` with file and line for a line that is none of this, and for a file that cannot be read.
 */
export async function* readManifest(source: ManifestSource): AsyncGenerator<string> {
  const read = READERS[source.format];
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for await (const { bytes, line } of linesOf(source.path)) {
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw malformed(source.path, line, 'this is not UTF-8 text');
    }
    if (line === 1 && text.startsWith('\ufeff')) text = text.slice(1);
    if (text.endsWith('\r')) text = text.slice(0, -1);
    if (text === '') continue;
    const result = read(text, source);
    if ('wrong' in result) throw malformed(source.path, line, result.wrong);
    if (result.key === undefined) continue;
    if (result.key === '') throw malformed(source.path, line, 'the key is empty');
    if (!result.key.isWellFormed()) throw malformed(source.path, line, 'the key is not well-formed Unicode');
    yield result.key;
  }
}

/** `key` is `undefined` for a line that is right but names nothing of the store. */
type LineResult = { readonly key: string | undefined } | { readonly wrong: string };

const READERS: Readonly<Record<ManifestFormat, (text: string, source: ManifestSource) => LineResult>> = {
  lines: (key) => ({ key }),
  ndjson: readJsonLine,
  csv: readCsvLine,
};

function readJsonLine(text: string): LineResult {
  if (text.trim() === '') return { key: undefined };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: 'this is no JSON; expected a JSON string, or an object with "key", on each line' };
  }
  if (typeof value === 'string') return { key: value };
  if (typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string')
    return { key: value.key };
  return { wrong: 'expected a JSON string, or an object whose "key" is a string' };
}

function readCsvLine(text: string, source: ManifestSource): LineResult {
  const fields = firstTwoFields(text);
  if (fields === undefined)
    return { wrong: 'expected at least two fields, bucket and key, as S3 Inventory writes them' };
  const [bucket, encoded] = fields;
  const { name, prefix } = source.bucket ?? { name: bucket, prefix: '' };
  if (bucket !== name) return { wrong: `the row is of another bucket than the store's, which is "${name}"` };
  let key: string;
  try {
    key = decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return { wrong: 'the key is not URL-encoded UTF-8; write "%" as %25 and "+" as %2B' };
  }
  if (key === '') return { wrong: 'the key is empty' };
  if (!key.startsWith(prefix)) return { key: undefined };
  const inside = key.slice(prefix.length);
  return { key: inside === '' ? undefined : inside };
}

/** RFC 4180, but for line breaks inside quotes, which a URL-encoded key never has. */
function firstTwoFields(text: string): readonly [string, string] | undefined {
  const parts = /^(?:"((?:[^"]|"")*)"|([^",]*)),(?:"((?:[^"]|"")*)"|([^",]*))(?:,|$)/.exec(text);
  if (parts === null) return undefined;
  const field = (quoted: string | undefined, plain: string | undefined) => quoted?.replaceAll('""', '"') ?? plain ?? '';
  return [field(parts[1], parts[2]), field(parts[3], parts[4])];
}

/** Lines without their LF, counted from 1. At most one line and one chunk are held. */
async function* linesOf(path: string): AsyncGenerator<{ bytes: Uint8Array; line: number }> {
  let line = 1;
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(path, () => line)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end);
      yield { bytes: held.length === 0 ? tail : Buffer.concat([...held, tail]), line };
      held = [];
      size = 0;
      line += 1;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > MAX_LINE) throw malformed(path, line, 'the line is longer than 1 MiB');
  }
  if (held.length > 0) yield { bytes: Buffer.concat(held), line };
}

async function* chunksOf(path: string, line: () => number): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  const stream = path.toLowerCase().endsWith('.gz') ? file.pipe(createGunzip()) : file;
  // pipe() does not hand on errors: without this a file that cannot be read would leave the reader waiting.
  if (stream !== file) file.on('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw malformed(path, line(), `the file cannot be read: ${messageOf(error)}`, error);
  } finally {
    file.destroy();
    stream.destroy();
  }
}

function malformed(path: string, line: number, why: string, cause?: unknown): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'read the manifest',
    subject: `${path}:${line}`,
    why,
    hint: 'Mend the manifest, or name its format in the plan with "manifest: { path, format }".',
    ...(cause === undefined ? {} : { cause }),
  });
}
