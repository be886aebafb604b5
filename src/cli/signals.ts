/** What SIGINT and SIGTERM ask for: the first to finish what is under way, the second to end at once. */
export interface Signals {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  release(): void;
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
