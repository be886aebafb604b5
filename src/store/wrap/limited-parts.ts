import type { PartCopies, PartStore } from '../store.ts';
import type { Toll } from './toll.ts';

/** Counts each request for parts, those that the server copies itself included. */
export function limitedParts(inner: PartStore, toll: Toll): PartStore {
  const { all, copies } = inner;
  return {
    limits: inner.limits,
    begin: (key, options) => toll.call(options, () => inner.begin(key, options)),
    put: (key, upload, number, bytes, options) =>
      toll.call(options, () => inner.put(key, upload, number, bytes, options)),
    list: (key, upload, options) => toll.call(options, () => inner.list(key, upload, options)),
    complete: (key, upload, parts, options) => toll.call(options, () => inner.complete(key, upload, parts, options)),
    abort: (key, upload, options) => toll.call(options, () => inner.abort(key, upload, options)),
    uploads: (key, options) => toll.call(options, () => inner.uploads(key, options)),
    all: all && ((options) => toll.each(all.call(inner, options), options)),
    copies: copies && limitedCopies(copies, toll),
  };
}

function limitedCopies(inner: PartCopies, toll: Toll): PartCopies {
  return {
    get digests() {
      return inner.digests;
    },
    able: (source) => inner.able(source),
    put: (key, upload, number, source, options) =>
      toll.call(options, () => inner.put(key, upload, number, source, options)),
  };
}
