import {
  type DeleteMarkerEntry,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import type { CallOptions, ListOptions } from '../store.ts';
import type { KeyHistory, Version } from '../versions.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf } from './facts.ts';
import { BENT, decodeListed, REPLACEMENT } from './keys.ts';

interface Listed extends Version {
  readonly key: string;
  readonly latest: boolean;
}

interface Page {
  /** In the server's order: keys as `list` gives them, the states of a key newest first. */
  readonly entries: readonly Listed[];
  /** Whether that order is sure: the SDK gives versions and markers apart, and two may bear the same time. */
  readonly ordered: boolean;
  /** Whether each key is surely told as it is: else several could be taken for one. */
  readonly legible: boolean;
}

interface Query extends CallOptions {
  /** With the store's own prefix. */
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly pageSize?: number;
}

/** All keys below the store's prefix that have any history, page by page. A key is given when all of its history was seen. */
export async function* listHistories(bucket: Bucket, options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
  const { prefix = '', after, signal } = options;
  const query = { prefix: bucket.prefix + prefix, ...(signal === undefined ? {} : { signal }) };
  let open: KeyHistory | undefined;
  for await (const page of pages(bucket, after === undefined ? query : { ...query, after: bucket.prefix + after })) {
    if (!page.legible) throw bucket.error('other', 'list versions', undefined, BENT);
    const done: KeyHistory[] = [];
    for (const entry of page.entries) {
      if (open !== undefined && open.key !== entry.key) {
        if (open.key !== '') done.push(open);
        open = undefined;
      }
      open = grown(open, entry);
    }
    yield done;
  }
  if (open !== undefined && open.key !== '') yield [open];
}

function grown(known: KeyHistory | undefined, entry: Listed): KeyHistory {
  const { key, version, size, revision, modified } = entry;
  const one = { versions: entry.marker ? 0 : 1, markers: entry.marker ? 1 : 0, bytes: size };
  if (known === undefined) return { key, version, size, revision, modified, deleted: entry.marker, ...one };
  const sums = {
    versions: known.versions + one.versions,
    markers: known.markers + one.markers,
    bytes: known.bytes + one.bytes,
  };
  // The SDK gives a page's versions before its markers, so the newest may come late.
  const newest = entry.latest ? { version, size, revision, modified, deleted: entry.marker } : {};
  return { ...known, ...newest, ...sums };
}

/** The history of one key, oldest first. */
export async function historyOf(bucket: Bucket, key: string, options: CallOptions): Promise<Version[]> {
  const found = await newestFirst(bucket, key, { ...options });
  // One state a page: then the server's own order is all there is.
  const entries = found.ordered ? found.entries : (await newestFirst(bucket, key, { ...options, pageSize: 1 })).entries;
  return entries.map(({ key: _, latest: __, ...version }) => version).reverse();
}

async function newestFirst(
  bucket: Bucket,
  key: string,
  options: CallOptions & { readonly pageSize?: number },
): Promise<Omit<Page, 'legible'>> {
  const entries: Listed[] = [];
  let ordered = true;
  for await (const page of pages(bucket, { ...options, prefix: bucket.named(key).Key })) {
    const mine = page.entries.filter((entry) => entry.key === key);
    entries.push(...mine);
    ordered &&= page.ordered;
    // The key itself comes before all that only begin with it.
    if (page.entries.length > mine.length) break;
  }
  return { entries, ordered };
}

async function* pages(bucket: Bucket, query: Query): AsyncGenerator<Page> {
  let marker: Pick<ListObjectVersionsCommandOutput, 'KeyMarker' | 'VersionIdMarker'> | undefined =
    query.after === undefined ? {} : { KeyMarker: query.after };
  while (marker !== undefined) {
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
      Bucket: bucket.name,
      Prefix: query.prefix,
      EncodingType: 'url',
      ...(query.pageSize === undefined ? {} : { MaxKeys: query.pageSize }),
      ...marker,
    });
    const output: ListObjectVersionsCommandOutput = await bucket.send('list versions', undefined, () =>
      bucket.client.send(command, http(query)),
    );
    yield pageOf(bucket, output);
    marker = nextMarker(bucket, output);
  }
}

function nextMarker(
  bucket: Bucket,
  output: ListObjectVersionsCommandOutput,
): { KeyMarker: string; VersionIdMarker?: string } | undefined {
  if (output.IsTruncated !== true) return undefined;
  const { NextKeyMarker, NextVersionIdMarker, EncodingType } = output;
  if (NextKeyMarker === undefined || NextKeyMarker === '') {
    throw bucket.error(
      'other',
      'list versions',
      undefined,
      'the server says that there is more but not where it goes on',
    );
  }
  const KeyMarker = EncodingType === 'url' ? decodeListed(NextKeyMarker) : NextKeyMarker;
  return NextVersionIdMarker ? { KeyMarker, VersionIdMarker: NextVersionIdMarker } : { KeyMarker };
}

function pageOf(bucket: Bucket, output: ListObjectVersionsCommandOutput): Page {
  const encoded = output.EncodingType === 'url';
  const versions = (output.Versions ?? []).map((item) => listed(bucket, item, false, encoded));
  const markers = (output.DeleteMarkers ?? []).map((item) => listed(bucket, item, true, encoded));
  const legible = encoded || ![...versions, ...markers].some(({ key }) => key.includes(REPLACEMENT));
  return { ...merged(versions, markers), legible };
}

function listed(bucket: Bucket, item: ObjectVersion & DeleteMarkerEntry, marker: boolean, encoded: boolean): Listed {
  const full = item.Key ?? '';
  return {
    key: (encoded ? decodeListed(full) : full).slice(bucket.prefix.length),
    version: item.VersionId ?? 'null',
    marker,
    size: item.Size ?? 0,
    revision: revisionOf(item.ETag),
    modified: item.LastModified?.getTime() ?? 0,
    latest: item.IsLatest === true,
  };
}

/** Brings versions and markers of each key back into one order, by their times. */
function merged(versions: readonly Listed[], markers: readonly Listed[]): Omit<Page, 'legible'> {
  if (markers.length === 0 || versions.length === 0) return { entries: [...versions, ...markers], ordered: true };
  const byKey = new Map<string, { versions: Listed[]; markers: Listed[] }>();
  for (const entry of [...versions, ...markers]) {
    const both = byKey.get(entry.key) ?? { versions: [], markers: [] };
    byKey.set(entry.key, both);
    (entry.marker ? both.markers : both.versions).push(entry);
  }
  const entries: Listed[] = [];
  let ordered = true;
  for (const both of byKey.values()) {
    const times = new Set(both.versions.map(({ modified }) => modified));
    ordered &&= !both.markers.some(({ modified }) => times.has(modified));
    entries.push(...interleaved(both.versions, both.markers));
  }
  return { entries: inKeyOrder(entries), ordered };
}

function interleaved(versions: readonly Listed[], markers: readonly Listed[]): Listed[] {
  const [left, right] = [[...versions], [...markers]];
  const both: Listed[] = [];
  for (;;) {
    const [a, b] = [left[0], right[0]];
    if (a === undefined || b === undefined) return [...both, ...left, ...right];
    both.push(...(isNewer(a, b) ? left.splice(0, 1) : right.splice(0, 1)));
  }
}

function isNewer(a: Listed, b: Listed): boolean {
  if (a.latest !== b.latest) return a.latest;
  return a.modified >= b.modified;
}

/** Stable: the states of a key stay as they are. */
function inKeyOrder(entries: Listed[]): Listed[] {
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}
