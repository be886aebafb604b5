import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareUtf8 } from '../../src/base/order.ts';
import { type ListEntry, type ListOptions, type Store, StoreError, type WriteOptions } from '../../src/store/store.ts';

export interface Subject {
  /** A new, empty store, open. */
  readonly make: () => Promise<Store>;
  /** Keys that this store must hold. */
  readonly keys: readonly string[];
  /** Keys that it must refuse with kind `key`. */
  readonly refused: readonly string[];
  /** What `replace` does with the old bytes. */
  readonly keeps: boolean;
  /** Whether the attributes of an object come back. */
  readonly attributes: boolean;
  /** `ignored` where the server takes bytes that are not of the digest sent with them. */
  readonly digest?: 'checked' | 'ignored';
  /** `ignored` where the server writes over an object that has changed, whatever its revision. */
  readonly revision?: 'checked' | 'ignored';
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const sized = (data: Uint8Array, more: Partial<WriteOptions> = {}): WriteOptions => ({
  size: data.byteLength,
  ...more,
});

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function* breaking(first: Uint8Array): AsyncGenerator<Uint8Array> {
  yield first;
  throw new Error('the body broke');
}

async function readAll(store: Store, key: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of (await store.read(key)).body) parts.push(part);
  return Buffer.concat(parts);
}

async function listAll(store: Store, options: ListOptions = {}): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for await (const page of store.list(options)) entries.push(...page);
  return entries;
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

/** Every sentence of the port's contract that can be shown, on one adapter. */
export function conformance(name: string, subject: Subject): void {
  const make = async (): Promise<Store> => {
    const store = await subject.make();
    onTestFinished(() => store.close());
    return store;
  };

  describe(`${name}: create and read`, () => {
    it('gives back what was put, for whole bodies and streams, empty ones too', async () => {
      const store = await make();
      for (const size of [0, 1, 65_536, 700_001]) {
        const data = randomBytes(size);
        const whole = await store.create(`whole-${size}`, data, sized(data, { sha256: sha256(data) }));
        const streamed = await store.create(
          `stream-${size}`,
          chunks(data.subarray(0, size >> 1), data.subarray(size >> 1)),
          sized(data),
        );
        expect(whole.size).toBe(size);
        expect(streamed.size).toBe(size);
        expect(sha256(await readAll(store, `whole-${size}`))).toBe(sha256(data));
        expect(sha256(await readAll(store, `stream-${size}`))).toBe(sha256(data));
        expect((await store.head(`whole-${size}`))?.revision).toBe(whole.revision);
      }
    });

    it('holds odd keys apart, byte for byte', async () => {
      const store = await make();
      for (const key of subject.keys) await store.create(key, bytes(key), sized(bytes(key)));
      for (const key of subject.keys)
        expect(Buffer.from(await readAll(store, key)).toString(), JSON.stringify(key)).toBe(key);
      const listed = (await listAll(store)).map((entry) => entry.key);
      expect([...listed].sort(compareUtf8)).toEqual([...subject.keys].sort(compareUtf8));
    });

    it('refuses by name the keys that it cannot hold', async () => {
      const store = await make();
      for (const key of subject.refused) {
        expect(await kindOf(store.create(key, bytes('x'), sized(bytes('x')))), JSON.stringify(key)).toBe('key');
      }
      expect(await listAll(store)).toEqual([]);
    });

    it('never overwrites', async () => {
      const store = await make();
      const first = await store.create('k', bytes('first'), sized(bytes('first')));
      expect(await kindOf(store.create('k', bytes('other'), sized(bytes('other'))))).toBe('exists');
      expect(await kindOf(store.create('k', chunks(bytes('other')), sized(bytes('other'))))).toBe('exists');
      expect((await store.head('k'))?.revision).toBe(first.revision);
      expect(Buffer.from(await readAll(store, 'k')).toString()).toBe('first');
    });

    it('lets exactly one of 20 simultaneous writers win, whole', async () => {
      const store = await make();
      const bodies = Array.from({ length: 20 }, () => randomBytes(50_000));
      const results = await Promise.all(bodies.map((body) => kindOf(store.create('k', body, sized(body)))));
      expect(results.filter((result) => result === 'no error')).toHaveLength(1);
      for (const result of results) expect(['no error', 'exists', 'transient']).toContain(result);
      const winner = bodies[results.indexOf('no error')] ?? new Uint8Array();
      expect(sha256(await readAll(store, 'k'))).toBe(sha256(winner));
    });

    it('refuses a body that is not the one announced, and leaves nothing', async () => {
      const store = await make();
      const wrong = sha256(bytes('other'));
      const ignores = subject.digest === 'ignored';
      expect(await kindOf(store.create('digest', bytes('body'), sized(bytes('body'), { sha256: wrong })))).toBe(
        ignores ? 'no error' : 'digest',
      );
      if (ignores) await store.remove('digest', (await store.head('digest'))?.revision ?? '');
      expect(await kindOf(store.create('short', chunks(bytes('abc')), { size: 4 }))).toBe('cut');
      expect(await kindOf(store.create('long', chunks(bytes('abc'), bytes('de')), { size: 4 }))).toBe('cut');
      expect(await kindOf(store.create('whole', bytes('abc'), { size: 4 }))).toBe('cut');
      expect(await listAll(store)).toEqual([]);
    });

    it('leaves nothing of a body that breaks or is aborted', async () => {
      const store = await make();
      await expect(store.create('broken', breaking(randomBytes(300_000)), { size: 600_000 })).rejects.toThrow(
        'the body broke',
      );
      const abort = new AbortController();
      async function* aborting(): AsyncGenerator<Uint8Array> {
        yield randomBytes(100_000);
        abort.abort(new Error('enough'));
        yield randomBytes(100_000);
      }
      await expect(store.create('aborted', aborting(), { size: 200_000, signal: abort.signal })).rejects.toThrow();
      expect(await listAll(store)).toEqual([]);
    });

    it('knows what is not there', async () => {
      const store = await make();
      expect(await store.head('none')).toBeUndefined();
      expect(await kindOf(store.read('none'))).toBe('absent');
      expect(await store.head('no/such/folder')).toBeUndefined();
      expect(await kindOf(store.read('no/such/folder'))).toBe('absent');
    });

    it('gives attributes back where it holds them', async () => {
      const store = await make();
      const attributes = { contentType: 'text/plain', cacheControl: 'no-store', metadata: { colour: 'blue' } };
      await store.create('k', bytes('x'), sized(bytes('x'), { attributes }));
      const head = await store.head('k');
      if (subject.attributes) expect(head?.attributes).toMatchObject(attributes);
      else expect(Object.keys(head?.attributes ?? {}).filter((name) => name in attributes)).toEqual([]);
    });

    it('may be left in the middle of a body', async () => {
      const store = await make();
      const data = randomBytes(3_000_000);
      await store.create('k', data, sized(data));
      const reader = await store.read('k');
      for await (const part of reader.body) {
        expect(part.byteLength).toBeGreaterThan(0);
        break;
      }
      await (await store.read('k')).discard();
      expect(sha256(await readAll(store, 'k'))).toBe(sha256(data));
    });

    it('round-trips any bytes under any of its keys', async () => {
      const store = await make();
      let n = 0;
      const property = fc.asyncProperty(
        fc.uint8Array({ maxLength: 5_000 }),
        fc.stringMatching(/^[a-zA-Z0-9 _+%~é漢-]{1,40}$/u),
        async (data, text) => {
          n += 1;
          const key = `p${n}/${text}`;
          await store.create(key, data, sized(data));
          expect(sha256(await readAll(store, key))).toBe(sha256(data));
        },
      );
      await fc.assert(property, { numRuns: 40 });
    });
  });

  describe(`${name}: list`, () => {
    it('gives every object once, in UTF-8 order, over pages', async () => {
      const store = await make();
      const keys = Array.from({ length: 1_205 }, (_, n) => `d${n % 7}/f${n}`).concat(
        'd',
        'd-',
        'd.txt',
        'e\uE000',
        'e\u{1F600}',
        'e漢',
      );
      for (let at = 0; at < keys.length; at += 40) {
        await Promise.all(keys.slice(at, at + 40).map((key) => store.create(key, bytes(key), sized(bytes(key)))));
      }
      const pages: (readonly ListEntry[])[] = [];
      for await (const page of store.list({})) pages.push(page);
      const listed = pages.flat();
      expect(listed.map((entry) => entry.key)).toEqual([...keys].sort(compareUtf8));
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(2_000);
      const [some] = listed;
      expect((await store.head(some?.key ?? ''))?.revision).toBe(some?.revision);
      expect(some?.size).toBe(bytes(some?.key ?? '').byteLength);

      const cut = listed[700]?.key ?? '';
      expect((await listAll(store, { after: cut })).map((entry) => entry.key)).toEqual(
        listed.slice(701).map((entry) => entry.key),
      );
      const within = listed.filter((entry) => entry.key.startsWith('d3/f1')).map((entry) => entry.key);
      expect((await listAll(store, { prefix: 'd3/f1' })).map((entry) => entry.key)).toEqual(within);
      expect(await listAll(store, { prefix: 'zzz' })).toEqual([]);
    });

    it('goes on after any key, there or not', async () => {
      const store = await make();
      const keys = ['a', 'a-b/c', 'a.b/c', 'b/a/x', 'b/a/y', 'b/b', 'b!', 'c/d/e/f'];
      for (const key of keys) await store.create(key, bytes(key), sized(bytes(key)));
      const sorted = [...keys].sort(compareUtf8);
      for (const after of [...keys, 'b/', 'b/a/', 'b/a/xx', 'c', 'zz', '!']) {
        const expected = sorted.filter((key) => compareUtf8(key, after) > 0);
        expect(
          (await listAll(store, { after })).map((entry) => entry.key),
          after,
        ).toEqual(expected);
      }
    });
  });

  describe(`${name}: replace`, () => {
    const checks = subject.revision !== 'ignored';

    it(
      checks ? 'is refused by the store itself over a newer object' : 'is not refused over a newer object',
      async () => {
        const store = await make();
        const old = await store.create('k', bytes('old'), sized(bytes('old')));
        const { head } = await store.replace('k', old.revision, bytes('new'), sized(bytes('new')));
        const stale = store.replace('k', old.revision, bytes('late'), { ...sized(bytes('late')), serverChecks: true });
        expect(await kindOf(stale)).toBe(checks ? 'precondition' : 'no error');
        expect((await store.head('k'))?.revision === head.revision).toBe(checks);
      },
    );

    it.runIf(checks)('swaps only what is unchanged', async () => {
      const store = await make();
      const old = await store.create('d/k', bytes('old'), sized(bytes('old')));
      const { head, kept } = await store.replace('d/k', old.revision, bytes('marker'), sized(bytes('marker')));
      expect(head.revision).not.toBe(old.revision);
      expect(Buffer.from(await readAll(store, 'd/k')).toString()).toBe('marker');
      expect(kept !== undefined).toBe(subject.keeps);
      expect(await kindOf(store.replace('d/k', old.revision, bytes('again'), sized(bytes('again'))))).toBe(
        'precondition',
      );
      expect(await kindOf(store.replace('d/none', old.revision, bytes('again'), sized(bytes('again'))))).toBe(
        'precondition',
      );
      expect(Buffer.from(await readAll(store, 'd/k')).toString()).toBe('marker');
      expect((await listAll(store)).map((entry) => [entry.key, entry.revision])).toEqual([['d/k', head.revision]]);
    });

    it.runIf(checks)('lets exactly one of 10 simultaneous swaps win', async () => {
      const store = await make();
      const old = await store.create('k', bytes('old'), sized(bytes('old')));
      const swaps = Array.from({ length: 10 }, (_, n) => bytes(`marker ${n}`));
      const results = await Promise.all(
        swaps.map((body) => kindOf(store.replace('k', old.revision, body, sized(body)))),
      );
      expect(results.filter((result) => result === 'no error')).toHaveLength(1);
      const winner = swaps[results.indexOf('no error')] ?? new Uint8Array();
      expect(sha256(await readAll(store, 'k'))).toBe(sha256(winner));
      const token = store.keptToken('k', old.revision);
      if (token !== undefined)
        expect(await store.headKept('k', token)).toMatchObject({ revision: old.revision, size: 3 });
    });

    it('takes streams, and leaves the old object when they break', async () => {
      const store = await make();
      const old = await store.create('k', bytes('old'), sized(bytes('old')));
      await expect(store.replace('k', old.revision, breaking(bytes('half')), { size: 8 })).rejects.toThrow(
        'the body broke',
      );
      expect(Buffer.from(await readAll(store, 'k')).toString()).toBe('old');
      const now = await store.head('k');
      await store.replace('k', now?.revision ?? '', chunks(bytes('ne'), bytes('w')), { size: 3 });
      expect(Buffer.from(await readAll(store, 'k')).toString()).toBe('new');
    });

    it('gives back the kept bytes, and only over the marker', async () => {
      const store = await make();
      const old = await store.create('k', bytes('old'), sized(bytes('old')));
      const { head, kept } = await store.replace('k', old.revision, bytes('marker'), sized(bytes('marker')));
      if (kept === undefined) {
        expect(subject.keeps).toBe(false);
        return;
      }
      expect(await store.headKept('k', kept)).toMatchObject({ size: 3, revision: old.revision });
      expect(await kindOf(store.reinstate('k', old.revision, kept))).toBe('precondition');
      expect(Buffer.from(await readAll(store, 'k')).toString()).toBe('marker');
      const back = await store.reinstate('k', head.revision, kept);
      expect(Buffer.from(await readAll(store, 'k')).toString()).toBe('old');
      expect((await store.head('k'))?.revision).toBe(back.revision);
    });
  });

  describe(`${name}: remove`, () => {
    it('takes only the object that it was shown', async () => {
      const store = await make();
      const head = await store.create('k', bytes('x'), sized(bytes('x')));
      expect(await kindOf(store.remove('k', 'another'))).toBe('precondition');
      expect(await store.head('k')).toBeDefined();
      await store.remove('k', head.revision);
      expect(await store.head('k')).toBeUndefined();
      expect(await listAll(store)).toEqual([]);
    });

    it('leaves nothing of a probe that was replaced', async () => {
      const store = await make();
      const { revision } = await store.create('k', bytes('first'), sized(bytes('first')));
      const { head } = await store.replace('k', revision, bytes('second'), sized(bytes('second')));
      await store.remove('k', head.revision);
      expect(await store.head('k')).toBeUndefined();
      expect(await listAll(store)).toEqual([]);
    });
  });
}
