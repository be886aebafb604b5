const watched = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/**
 * Calls back when a signal is aborted. For signals that very many short tasks share: each listener of a signal's own costs more than what
 * such a task does.
 *
 * @returns what takes it back.
 */
export function onAbort(signal: AbortSignal, called: (reason: unknown) => void): () => void {
  let all = watched.get(signal);
  if (all === undefined) {
    const set = new Set<(reason: unknown) => void>();
    all = set;
    watched.set(signal, set);
    signal.addEventListener(
      'abort',
      () => {
        for (const one of [...set]) one(signal.reason);
        set.clear();
      },
      { once: true },
    );
  }
  const set = all;
  set.add(called);
  return () => void set.delete(called);
}
