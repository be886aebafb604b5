import { type Store, StoreError } from '../store/store.ts';

/** What is known of an object without its bytes. */
export interface Seen {
  /** Bytes. */
  readonly size: number;
  readonly revision: string;
  /** From a listing: an equal revision is the same object, but another one may only be told in another way. */
  readonly listed: boolean;
}

/**
 * An object's facts, or `undefined` where there is none. On S3 a HEAD needs the right to read the bytes (s3:GetObject); without it the
 * listing tells, so that who removes for good needs to read nobody's data.
 */
export async function see(store: Store, key: string, signal: AbortSignal): Promise<Seen | undefined> {
  try {
    const head = await store.head(key, { signal });
    return head && { size: head.size, revision: head.revision, listed: false };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return await listed(store, key, signal);
  }
}

async function listed(store: Store, key: string, signal: AbortSignal): Promise<Seen | undefined> {
  for await (const page of store.list({ prefix: key, signal })) {
    const entry = page.find((one) => one.key === key && one.unusable === undefined);
    if (entry !== undefined) return { size: entry.size, revision: entry.revision, listed: true };
    // The key itself comes before all that only begin with it.
    if (page.length > 0) return undefined;
  }
  return undefined;
}

/** Does what needs an object's bytes. @throws StoreError `denied`, which says what for. */
export async function reading<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw isDenied(error) ? mustRead(error.store, error.key, what, error) : error;
  }
}

export function mustRead(store: string, key: string | undefined, what: string, cause?: unknown): StoreError {
  const why = `only its bytes can tell ${what}, and these credentials may not read them; allow s3:GetObject (and s3:GetObjectVersion) for this purge`;
  return new StoreError({ kind: 'denied', store, op: 'purge', why, ...(key === undefined ? {} : { key }), cause });
}

export function isDenied(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind === 'denied';
}
