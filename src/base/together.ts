/**
 * Runs tasks beside each other, and ends all when one fails. None is under way any more when this resolves or throws.
 *
 * @returns what the first task gives.
 * @throws the failure that came first.
 */
export async function together<T>(
  outer: AbortSignal,
  first: (signal: AbortSignal) => Promise<T>,
  others: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<T> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const guarded = async <R>(task: (signal: AbortSignal) => Promise<R>): Promise<R> => {
    try {
      return await task(signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const result = guarded(first);
  await Promise.allSettled([result, ...others.map(guarded)]);
  stop.signal.throwIfAborted();
  return await result;
}
