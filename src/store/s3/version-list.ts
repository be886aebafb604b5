import {
  type DeleteMarkerEntry,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import type { CallOptions, ListOptions } from '../store.ts';
import type { KeyHistory, KeyVersion, StateCursor, StateListOptions, StatePage, Version } from '../versions.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf, timeOf } from './facts.ts';
import { CIRCLE, Forward, NOWHERE } from './forward.ts';
import { BENT, REPLACEMENT } from './keys.ts';

interface Page {
  /** In the server's order: keys as `list` gives them, the states of a key newest first. */
  readonly entries: readonly KeyVersion[];
  /** Whether that order is sure: the SDK gives versions and markers apart, and two may bear the same time. */
  readonly ordered: boolean;
  /** Whether each key is surely told as it is: else several could be taken for one. */
  readonly legible: boolean;
  /** Where the listing goes on after this page; the key has the store's own prefix. */
  readonly next: StateCursor | undefined;
}

interface Query extends CallOptions {
  /** With the store's own prefix. */
  readonly prefix: string;
  readonly from?: StateCursor | undefined;
  readonly pageSize?: number;
}

/** All keys below the store's prefix that have any history, page by page. A key is given when all of its history was seen. */
export async function* listHistories(bucket: Bucket, options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
  const { prefix = '', after, signal } = options;
  const query = { prefix: bucket.prefix + prefix, ...(signal === undefined ? {} : { signal }) };
  let open: KeyHistory | undefined;
  for await (const page of pages(
    bucket,
    after === undefined ? query : { ...query, from: { key: bucket.prefix + after } },
  )) {
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

function grown(known: KeyHistory | undefined, entry: KeyVersion): KeyHistory {
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

/** Every state of every key below the store's prefix, page by page as the server gives them. */
export async function* listStates(bucket: Bucket, options: StateListOptions): AsyncGenerator<StatePage> {
  const { prefix = '', from, signal } = options;
  const query: Query = {
    prefix: bucket.prefix + prefix,
    from: from && { ...from, key: bucket.prefix + from.key },
    ...(signal === undefined ? {} : { signal }),
  };
  for await (const { entries, legible, next } of pages(bucket, query)) {
    if (!legible) throw bucket.error('other', 'list versions', undefined, BENT);
    // What consoles make of a folder has the store's prefix itself as its key, and no bytes.
    const states = entries.filter(({ key, size }) => key !== '' || size > 0);
    yield { states, next: next && { ...next, key: next.key.slice(bucket.prefix.length) } };
  }
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
): Promise<Pick<Page, 'entries' | 'ordered'>> {
  const entries: KeyVersion[] = [];
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
  let at: StateCursor | undefined = query.from;
  const forward = new Forward();
  do {
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
      Bucket: bucket.name,
      Prefix: query.prefix,
      EncodingType: 'url',
      ...(query.pageSize === undefined ? {} : { MaxKeys: query.pageSize }),
      ...(at === undefined ? {} : { KeyMarker: at.key }),
      ...(at?.version === undefined ? {} : { VersionIdMarker: at.version }),
    });
    const output: ListObjectVersionsCommandOutput = await bucket.send('list versions', undefined, () =>
      bucket.client.send(command, http(query)),
    );
    at = onward(bucket, output);
    if (at !== undefined && !forward.mayGoTo(JSON.stringify(at)))
      throw bucket.error('other', 'list versions', undefined, CIRCLE);
    yield { ...pageOf(bucket, output), next: at };
  } while (at !== undefined);
}

function onward(bucket: Bucket, output: ListObjectVersionsCommandOutput): StateCursor | undefined {
  if (output.IsTruncated !== true) return undefined;
  const { NextKeyMarker, NextVersionIdMarker, EncodingType } = output;
  if (NextKeyMarker === undefined || NextKeyMarker === '') {
    throw bucket.error('other', 'list versions', undefined, NOWHERE);
  }
  const key = bucket.told('list versions', NextKeyMarker, EncodingType === 'url');
  return NextVersionIdMarker ? { key, version: NextVersionIdMarker } : { key };
}

function pageOf(bucket: Bucket, output: ListObjectVersionsCommandOutput): Omit<Page, 'next'> {
  const encoded = output.EncodingType === 'url';
  const versions = (output.Versions ?? []).map((item) => listed(bucket, item, false, encoded));
  const markers = (output.DeleteMarkers ?? []).map((item) => listed(bucket, item, true, encoded));
  const legible = encoded || ![...versions, ...markers].some(({ key }) => key.includes(REPLACEMENT));
  return { ...merged(versions, markers), legible };
}

function listed(
  bucket: Bucket,
  item: ObjectVersion & DeleteMarkerEntry,
  marker: boolean,
  encoded: boolean,
): KeyVersion {
  const key = bucket.inside('list versions', bucket.told('list versions', item.Key ?? '', encoded));
  return {
    key,
    version: item.VersionId ?? 'null',
    marker,
    size: bucket.size('list versions', key, item.Size),
    revision: revisionOf(item.ETag),
    modified: timeOf(item.LastModified),
    latest: item.IsLatest === true,
  };
}

/** Brings versions and markers of each key back into one order, by their times. */
function merged(versions: readonly KeyVersion[], markers: readonly KeyVersion[]): Pick<Page, 'entries' | 'ordered'> {
  if (markers.length === 0 || versions.length === 0) return { entries: [...versions, ...markers], ordered: true };
  const byKey = new Map<string, { versions: KeyVersion[]; markers: KeyVersion[] }>();
  for (const entry of [...versions, ...markers]) {
    const both = byKey.get(entry.key) ?? { versions: [], markers: [] };
    byKey.set(entry.key, both);
    (entry.marker ? both.markers : both.versions).push(entry);
  }
  const entries: KeyVersion[] = [];
  let ordered = true;
  for (const both of byKey.values()) {
    const times = new Set(both.versions.map(({ modified }) => modified));
    ordered &&= !both.markers.some(({ modified }) => times.has(modified));
    entries.push(...interleaved(both.versions, both.markers));
  }
  return { entries: inKeyOrder(entries), ordered };
}

function interleaved(versions: readonly KeyVersion[], markers: readonly KeyVersion[]): KeyVersion[] {
  const [left, right] = [[...versions], [...markers]];
  const both: KeyVersion[] = [];
  for (;;) {
    const [a, b] = [left[0], right[0]];
    if (a === undefined || b === undefined) return [...both, ...left, ...right];
    both.push(...(isNewer(a, b) ? left.splice(0, 1) : right.splice(0, 1)));
  }
}

function isNewer(a: KeyVersion, b: KeyVersion): boolean {
  if (a.latest !== b.latest) return a.latest;
  return a.modified >= b.modified;
}

/** Stable: the states of a key stay as they are. */
function inKeyOrder(entries: KeyVersion[]): KeyVersion[] {
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}
