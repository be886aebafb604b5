/** What SIGINT and SIGTERM ask for: the first to finish what is under way, the second to end at once. */
export interface Signals {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  release(): void;
}

/** Calls back with each SIGHUP, which ends the process else. @returns what ends that. */
export function listenForHangup(heard: () => void): Disposable {
  process.on('SIGHUP', heard);
  return {
    [Symbol.dispose]: () => {
      process.off('SIGHUP', heard);
    },
  };
}

export function listenForSignals(): Signals {
  const stop = new AbortController();
  const abort = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      abort.abort(new Error(`stopped by a second ${name}`));
      return;
    }
    process.stderr.write(`\nferry: ${name}: finishing what is under way; once more to end at once\n`);
    stop.abort(new Error(`stopped by ${name}`));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    stop: stop.signal,
    abort: abort.signal,
    release: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
