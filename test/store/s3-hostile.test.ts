import type { IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { S3StoreSpec } from '../../src/plan/types.ts';
import { makeStore } from '../../src/store/open-store.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { type HostileAnswer, hostileServer } from '../fuzz/hostile-server.ts';

type Answers = (asked: IncomingMessage, number: number) => Partial<HostileAnswer> & { readonly text?: string };

/** A store on a server that opens as a bucket with the prefix `p/`, and then answers like this. */
async function storeOn(answers: Answers, versioned = false): Promise<Store> {
  const server = await hostileServer({ versioned });
  let number = 0;
  server.answer = (asked) => {
    number += 1;
    const { text = '', ...answer } = answers(asked, number);
    return { status: 200, headers: [], body: Buffer.from(text), ...answer };
  };
  const store = await makeStore(server.spec, { K: 'access', S: 'secret' });
  onTestFinished(async () => {
    await store.close();
    await server[Symbol.asyncDispose]();
  });
  await store.open({ create: false });
  return store;
}

async function all<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}

async function* none(): AsyncGenerator<never> {}

async function failure(work: Promise<unknown>): Promise<StoreError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StoreError)) throw new Error(`expected a StoreError, not ${String(error)}`);
  return error;
}

const listing = (inside: string): string =>
  `<ListBucketResult><EncodingType>url</EncodingType>${inside}</ListBucketResult>`;
const object = (key: string, size = '1'): string =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>"e"</ETag></Contents>`;
const more = (token: string): string =>
  `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;

describe('a listing', () => {
  it.each([
    ['the same place', () => 'same'],
    ['three places in turn', (number: number) => `t${number % 3}`],
  ])('that a server leads on to %s ends', async (_, token) => {
    const store = await storeOn((_asked, number) => ({ text: listing(more(token(number)) + object(`p/${number}`)) }));
    expect((await failure(all(store.list({})))).why).toContain('does not go forward');
  });

  it('that promises more without end and brings nothing ends', async () => {
    const store = await storeOn((_, number) => ({ text: listing(more(`t${number}`) + object('p/a')) }));
    expect((await failure(all(store.list({})))).why).toContain('does not go forward');
  });

  it('may be in many pages, of which some are empty', async () => {
    const store = await storeOn((_, number) => ({
      text: listing((number < 200 ? more(`t${number}`) : '') + (number % 3 === 0 ? '' : object(`p/${1000 + number}`))),
    }));
    expect(await all(store.list({}))).toHaveLength(134);
  });

  it.each([
    ['p/%zz', '1', 'is no encoded one'],
    ['other/a', '1', 'not below the prefix'],
    ['p/a', '-1', 'a size of -1'],
    ['p/a', '9007199254740993', 'a size of'],
  ])('with the key %s and the size %s is refused', async (key, size, why) => {
    const store = await storeOn(() => ({ text: listing(object(key, size)) }));
    expect((await failure(all(store.list({})))).why).toContain(why);
  });

  it('of versions, of uploads, of parts and of kept bytes is held to the same', async () => {
    const circle = 'does not go forward';
    const tail = '<IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>';
    const versions = await storeOn(() => ({ text: `<ListVersionsResult>${tail}</ListVersionsResult>` }), true);
    expect((await failure(all(versions.versions?.list({}) ?? none()))).why).toContain(circle);
    const bent = await storeOn(
      () => ({
        text: '<ListVersionsResult><EncodingType>url</EncodingType><Version><Key>%</Key></Version></ListVersionsResult>',
      }),
      true,
    );
    expect((await failure(all(bent.versions?.list({}) ?? none()))).why).toContain('is no encoded one');
    const uploads = await storeOn(() => ({ text: `<ListMultipartUploadsResult>${tail}</ListMultipartUploadsResult>` }));
    expect((await failure(all(uploads.parts?.all?.({ prefix: '' }) ?? none()))).why).toContain(circle);
    const parts = await storeOn(() => ({
      text: '<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker></ListPartsResult>',
    }));
    expect((await failure(Promise.resolve(parts.parts?.list('a', 'u')))).why).toContain(circle);
    const kept = await storeOn(() => ({ text: listing('<IsTruncated>true</IsTruncated>') }));
    const tokens = (async () => {
      for await (const _ of kept.keptBytes?.() ?? []);
    })();
    expect((await failure(tokens)).why).toContain('not where it goes on');
  });
});

describe('an answer', () => {
  it('that is no XML of S3, or too deep, is told in plain words', async () => {
    for (const text of ['<a>'.repeat(50_000), '<html>It works!</html>', 'null', '\0']) {
      const store = await storeOn(() => ({ text }));
      const told = await failure(all(store.list({}))).catch(() => undefined);
      expect(told?.message ?? '').not.toMatch(/call stack|undefined|Cannot/);
    }
    const store = await storeOn(() => ({ text: '<a>'.repeat(50_000) }));
    expect((await failure(all(store.list({})))).why).toBe('the answer cannot be read as one of S3 (HTTP 200)');
  });

  it('with entities that grow without bound is refused, and soon', async () => {
    const names = [...'bcdefghijkl'];
    const grown = names.map((n) => `<!ENTITY ${n} "${`&${String.fromCharCode(n.charCodeAt(0) - 1)};`.repeat(10)}">`);
    const text = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">${grown.join('')}]>${listing(object('p/&l;'))}`;
    const store = await storeOn(() => ({ text }));
    const told = await all(store.list({})).catch((error: unknown) => error);
    if (told instanceof StoreError) expect(told.message.length).toBeLessThan(3_000);
    else expect(JSON.stringify(told).length).toBeLessThan(10_000);
  });

  it("is not taken for the operator's own stop, whatever the server calls it", async () => {
    for (const code of ['AbortError', 'constructor', '__proto__', 'toString']) {
      const store = await storeOn(() => ({
        status: 400,
        text: `<Error><Code>${code}</Code><Message>m</Message></Error>`,
      }));
      for (const work of [() => all(store.list({})), () => store.read('a')]) {
        expect((await failure(work())).kind).toBe('other');
      }
    }
  });

  it('cannot write on the terminal, nor without end', async () => {
    const message = `\u001b[2J\u202e\u009b31m done\nferry: all is well ${'x'.repeat(9_000)}`;
    const store = await storeOn(() => ({
      status: 400,
      text: `<Error><Code>Odd</Code><Message>${message}</Message></Error>`,
    }));
    for (const work of [() => all(store.list({})), () => store.read('a')]) {
      const { message: told } = await failure(work());
      expect(told).not.toMatch(/[\p{Cc}\u202e]/u);
      expect(told.length).toBeLessThan(3_000);
    }
  });

  it('that says no number as its length is an error of the store', async () => {
    const store = await storeOn(() => ({ length: 'abc' }));
    expect((await failure(store.head('a'))).kind).toBe('other');
  });

  it('that repeats the session token in what it says is told without it', async () => {
    const server = await hostileServer({ versioned: false });
    server.answer = ({ headers }) => {
      const token = String(headers['x-amz-security-token']);
      const forms = [token, Buffer.from(`of ${token} it`).toString('base64'), Buffer.from(token).toString('hex')];
      const message = `<Message>your token is ${forms.join(' or ')}, is it</Message>`;
      return { status: 403, headers: [], body: Buffer.from(`<Error><Code>InvalidToken</Code>${message}</Error>`) };
    };
    const credentials = { ...server.spec.credentials, sessionTokenEnv: 'T' } as S3StoreSpec['credentials'];
    const token = 'a-token/that+nobody=else-has';
    const store = await makeStore({ ...server.spec, credentials }, { K: 'access', S: 'secret', T: token });
    onTestFinished(async () => {
      await store.close();
      await server[Symbol.asyncDispose]();
    });
    await store.open({ create: false });
    const read = failure(store.read('a'));
    for (const failed of [await read, await failure(store.create('a', Buffer.from('x'), { size: 1 }))]) {
      expect(failed.message).toMatch(/your token is \[redacted\] or \S*\[redacted\]\S* or \[redacted\], is it/);
      expect(failed.message).not.toContain('that+nobody');
    }
  });

  it('of a body that goes on beyond its length ends there', async () => {
    const server = await hostileServer({ versioned: false });
    server.answer = (_asked, told) => {
      told.writeHead(200, { etag: '"e"' });
      const pour = (): void => void (told.destroyed || told.write(Buffer.alloc(65_536), () => setImmediate(pour)));
      pour();
      return undefined;
    };
    const store = await makeStore(server.spec, { K: 'access', S: 'secret' });
    onTestFinished(async () => {
      await store.close();
      await server[Symbol.asyncDispose]();
    });
    await store.open({ create: false });
    const read = (async () => {
      for await (const _ of (await store.read('a')).body);
    })();
    expect((await failure(read)).kind).toBe('cut');
    expect((await failure(store.create('a', Buffer.from('x'), { size: 1 }))).why).toContain('does not end');
    expect((await failure(all(store.list({})))).why).toContain('longer than');
  });

  it('keeps user metadata of any lawful name', async () => {
    const headers = [
      ['etag', '"e"'],
      ['x-amz-meta-__proto__', 'one'],
      ['x-amz-meta-constructor', 'two'],
    ] as const;
    const store = await storeOn(() => ({ headers }));
    const head = await store.head('a');
    expect(Object.entries(head?.attributes?.metadata ?? {})).toEqual([
      ['__proto__', 'one'],
      ['constructor', 'two'],
    ]);
  });
});
