import type { CallOptions, PartCopies, PartStore } from '../store.ts';

/** Counts each request for parts, those that the server copies itself included. */
export function limitedParts(
  inner: PartStore,
  request: (options: CallOptions | undefined) => Promise<void>,
): PartStore {
  const { all, copies } = inner;
  return {
    limits: inner.limits,
    begin: async (key, options) => {
      await request(options);
      return await inner.begin(key, options);
    },
    put: async (key, upload, number, bytes, options) => {
      await request(options);
      return await inner.put(key, upload, number, bytes, options);
    },
    list: async (key, upload, options) => {
      await request(options);
      return await inner.list(key, upload, options);
    },
    complete: async (key, upload, parts, options) => {
      await request(options);
      return await inner.complete(key, upload, parts, options);
    },
    abort: async (key, upload, options) => {
      await request(options);
      await inner.abort(key, upload, options);
    },
    uploads: async (key, options) => {
      await request(options);
      return await inner.uploads(key, options);
    },
    all:
      all &&
      async function* (options) {
        await request(options);
        for await (const page of all.call(inner, options)) {
          yield page;
          await request(options);
        }
      },
    copies: copies && limitedCopies(copies, request),
  };
}

function limitedCopies(inner: PartCopies, request: (options: CallOptions | undefined) => Promise<void>): PartCopies {
  return {
    get digests() {
      return inner.digests;
    },
    able: (source) => inner.able(source),
    put: async (key, upload, number, source, options) => {
      await request(options);
      return await inner.put(key, upload, number, source, options);
    },
  };
}
