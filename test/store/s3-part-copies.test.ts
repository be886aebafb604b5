import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { S3StoreSpec } from '../../src/plan/types.ts';
import { makeStore } from '../../src/store/open-store.ts';
import { type PartCopies, type PartStore, type Store, StoreError } from '../../src/store/store.ts';
import { atVersion } from '../../src/store/wrap/at-version.ts';
import { limited, TokenBucket } from '../../src/store/wrap/limited.ts';
import { retrying } from '../../src/store/wrap/retrying.ts';
import { liar } from '../support/liar.ts';
import { minioEnv, newBucket, s3Spec } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';

const CUSTOMER_KEY = Buffer.alloc(32, 7).toString('base64');

async function open(spec: S3StoreSpec): Promise<Store> {
  const store = await makeStore(spec, { ...minioEnv(), FERRY_TEST_CKEY: CUSTOMER_KEY });
  onTestFinished(() => store.close());
  return store;
}

function partsOf(store: Store): { parts: PartStore; copies: PartCopies } {
  const { parts } = store;
  const copies = parts?.copies;
  if (parts === undefined || copies === undefined) throw new Error('this store copies no parts');
  return { parts, copies };
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    if (error instanceof StoreError) return error.kind;
    throw error;
  }
}

describe('a part that the server copies', () => {
  it.each([
    '+',
    'a+b c',
    '%2F',
    '%',
    '?',
    '?versionId=x',
    '#',
    'é',
    'e\u0301',
    '\u{1F600}',
    'back\\slash',
    "a'()!*",
    '\u0001',
  ])('comes from the key %j, and is of the revision asked for or not at all', async (key) => {
    const source = await open(s3Spec('source', await newBucket(), 'some where/'));
    const centre = await open(s3Spec('centre', await newBucket()));
    const { parts, copies } = partsOf(centre);
    const bytes = randomBytes(1_000);
    const { revision } = await source.create(key, bytes, { size: 1_000 });
    const upload = await parts.begin(key, { digests: false });
    const from = { store: source, key, revision, size: 1_000 };
    const stale = copies.put(key, upload, 1, { ...from, revision: '0'.repeat(32) }, { digests: false });
    expect(await kindOf(stale)).toBe('precondition');
    expect(await parts.list(key, upload)).toEqual([]);
    const part = await copies.put(key, upload, 1, from, { digests: false });
    expect(await parts.list(key, upload)).toEqual([part]);
    await parts.complete(key, upload, [part]);
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await centre.read(key)).body) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it('never becomes an object over another', async () => {
    const source = await open(s3Spec('source', await newBucket()));
    const centre = await open(s3Spec('centre', await newBucket()));
    const { parts, copies } = partsOf(centre);
    const { revision } = await source.create('k', Buffer.from('ours'), { size: 4 });
    const upload = await parts.begin('k', { digests: false });
    const part = await copies.put('k', upload, 1, { store: source, key: 'k', revision, size: 4 }, { digests: false });
    const theirs = await centre.create('k', Buffer.from('theirs'), { size: 6 });
    expect(await kindOf(parts.complete('k', upload, [part]))).toBe('exists');
    expect((await centre.head('k'))?.revision).toBe(theirs.revision);
  });

  it('is refused with digests by a server that gives none, which is then known', async () => {
    const source = await open(s3Spec('source', await newBucket()));
    const { parts, copies } = partsOf(await open(s3Spec('centre', await newBucket())));
    const { revision } = await source.create('k', Buffer.from('ours'), { size: 4 });
    expect(copies.digests).toBe(true);
    const upload = await parts.begin('k', {});
    const from = { store: source, key: 'k', revision, size: 4 };
    expect(await kindOf(copies.put('k', upload, 1, from, { digests: true }))).toBe('other');
    expect(copies.digests).toBe(false);
  });

  it('of a source with SSE-C is asked for with both keys', async () => {
    const asked: Record<string, unknown>[] = [];
    const endpoint = await liar(
      inject('minio').endpoint,
      () => false,
      ({ headers }, told) => {
        asked.push(headers);
        told.end('<CopyPartResult><ETag>"x"</ETag></CopyPartResult>');
        return true;
      },
    );
    const encryption = { type: 'SSE-C', keyEnv: 'FERRY_TEST_CKEY' } as const;
    const source = await open({ ...s3Spec('source', 'a-bucket'), endpoint, encryption });
    const { copies } = partsOf(await open({ ...s3Spec('centre', 'b-bucket'), endpoint }));
    const from = { store: source, key: 'k', revision: 'r', size: 9, range: { start: 3, end: 12 } };
    await copies.put('k', 'upload', 1, from, { digests: false });
    const md5 = createHash('md5').update(Buffer.alloc(32, 7)).digest('base64');
    expect(asked).toMatchObject([
      {
        'x-amz-copy-source': 'a-bucket/k',
        'x-amz-copy-source-if-match': '"r"',
        'x-amz-copy-source-range': 'bytes=3-11',
        'x-amz-copy-source-server-side-encryption-customer-algorithm': 'AES256',
        'x-amz-copy-source-server-side-encryption-customer-key': CUSTOMER_KEY,
        'x-amz-copy-source-server-side-encryption-customer-key-md5': md5,
      },
    ]);
    expect(asked[0]).not.toHaveProperty('x-amz-server-side-encryption-customer-key');
  });
});

describe('whether a server can copy out of a store', () => {
  const wrapped = (store: Store): Store =>
    retrying(limited(store, { bytes: undefined, requests: new TokenBucket(1e6, systemClock) }), {});
  const spec = s3Spec('source', 'a-bucket');

  it('depends on endpoint, region on AWS, and credentials, also through wrappers', async () => {
    const centre = wrapped(await open(s3Spec('centre', 'b-bucket')));
    const able = async (change: Partial<S3StoreSpec>, by = centre) =>
      partsOf(by).copies.able(wrapped(await open({ ...spec, ...change })));
    expect(await able({})).toBe(true);
    expect(await able({ prefix: 'users/', region: 'no-1', pathStyle: true })).toBe(true);
    expect(await able({ endpoint: 'http://127.0.0.1:1' })).toBe(false);
    expect(await able({ endpoint: undefined })).toBe(false);
    expect(await able({ credentials: { from: 'default' } })).toBe(false);
    const credentials = { ...spec.credentials, secretAccessKeyEnv: 'FERRY_TEST_KEY' };
    expect(await able({ credentials: credentials as S3StoreSpec['credentials'] })).toBe(false);
    const onAws = wrapped(await open({ ...spec, name: 'aws', endpoint: undefined }));
    expect(await able({ endpoint: undefined }, onAws)).toBe(true);
    expect(await able({ endpoint: undefined, region: 'eu-north-1' }, onAws)).toBe(false);
    expect(partsOf(centre).copies.able(atVersion(await open(spec), 'v1')), 'it would copy the newest').toBe(false);
    const folder = {
      type: 'file',
      name: 'f',
      jurisdiction: 'NO',
      path: tempDir(),
      keys: 'refuse',
      links: 'refuse',
      xattrs: 'ignore',
    } as const;
    expect(partsOf(centre).copies.able(await makeStore(folder, {}))).toBe(false);
  });

  it('costs no request, and each part costs one', async () => {
    const source = await open(s3Spec('source', await newBucket()));
    let taken = 0;
    const requests = new (class extends TokenBucket {
      override async take(tokens: number): Promise<void> {
        taken += tokens;
      }
    })(1, systemClock);
    const centre = retrying(
      limited(await open(s3Spec('centre', await newBucket())), { bytes: undefined, requests }),
      {},
    );
    const { parts, copies } = partsOf(centre);
    const { revision } = await source.create('k', Buffer.from('ours'), { size: 4 });
    expect(copies.able(source)).toBe(true);
    expect(taken).toBe(0);
    const upload = await parts.begin('k', { digests: false });
    const part = await copies.put('k', upload, 1, { store: source, key: 'k', revision, size: 4 }, { digests: false });
    expect(taken).toBe(2);
    await parts.list('k', upload);
    await parts.complete('k', upload, [part]);
    await parts.uploads('k');
    await parts.abort('k', upload);
    expect(taken).toBe(6);
  });
});
