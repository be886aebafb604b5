import { FerryError, messageOf } from '../../src/base/errors.ts';
import { StoreError } from '../../src/store/store.ts';

/** How a piece of work ended that may only succeed or say clearly what is wrong. */
export type Tamed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/** What no operator should read: the words of an engine, or of a value that should have been there. */
const UNCLEAR =
  /Cannot (read|convert|destructure)|is not (a function|iterable|defined)|Maximum call stack|\bundefined\b|\[object |\n\s+at /;

/** Would move the cursor, hide text or ring on a terminal. */
const CONTROL = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/**
 * Does the work and takes from it what ferry promises for any input: a result, or an error with a clear text. Anything else is a
 * failure: another throw, a text that is not for people, and work that has not ended in time, also after it was aborted.
 *
 * @param limitMs far more than the work takes on a busy machine.
 */
export async function tame<T>(work: (signal: AbortSignal) => T | Promise<T>, limitMs = 30_000): Promise<Tamed<T>> {
  const abort = new AbortController();
  const begun = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    abort.abort(new Error('out of time'));
    late.reject(new Error(`it hangs: not done after ${limitMs} ms`));
  }, limitMs);
  try {
    const value = await Promise.race([Promise.resolve(abort.signal).then(work), late.promise]);
    checkTime(begun, limitMs);
    return { ok: true, value };
  } catch (error) {
    checkError(error);
    checkTime(begun, limitMs);
    return { ok: false, error: error as Error };
  } finally {
    clearTimeout(timer);
    late.promise.catch(() => undefined);
  }
}

/** Work that never yields cannot be stopped from here; it is found when it ends. */
function checkTime(begun: number, limitMs: number): void {
  const ms = performance.now() - begun;
  if (ms > limitMs) throw new Error(`it hangs: it took ${Math.round(ms)} ms`);
}

/** @throws Error where this is not an error that an operator may be shown. */
export function checkError(error: unknown): void {
  if (!(error instanceof FerryError || error instanceof StoreError)) throw error;
  checkText(messageOf(error));
  if (error instanceof FerryError) checkText(error.hint);
}

export function checkText(text: string): void {
  if (text === '' || UNCLEAR.test(text)) throw new Error(`not a text for people: ${text}`);
  if (CONTROL.test(text)) throw new Error(`a text that controls a terminal: ${JSON.stringify(text)}`);
  if (text.length > 8_000) throw new Error(`a text of ${text.length} characters`);
}
