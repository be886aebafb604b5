import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

export interface RetryPolicy {
  /** How often a task is tried in all. */
  readonly attempts?: number;
  /** The first wait is at most this; each further one at most twice the one before. Milliseconds. */
  readonly baseMs?: number;
  readonly capMs?: number;
  readonly clock?: Clock;
  /** From 0 up to 1; for tests. */
  readonly random?: () => number;
  /** Ends the waiting; what is under way ends by its own signal. */
  readonly signal?: AbortSignal;
  readonly retryable?: (error: unknown) => boolean;
  readonly onRetry?: (attempt: number, waitMs: number, error: unknown) => void;
}

/**
 * Runs a task again while its errors say that this can help, waiting in between with exponential backoff and full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that many tries do not come back in step.
 *
 * @throws the last error.
 */
export async function retry<T>(task: () => Promise<T>, policy: RetryPolicy = {}): Promise<T> {
  const { attempts = ATTEMPTS, signal } = policy;
  const retryable = policy.retryable ?? isPassing;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      if (signal?.aborted === true || !retryable(error)) throw error;
      if (attempt >= attempts) throw givenUp(error);
      await pause(attempt, policy, error);
    }
  }
}

/** The wait before the next attempt, when `attempt` has failed with this error. @throws that error when aborted meanwhile. */
export async function pause(attempt: number, policy: RetryPolicy, error: unknown): Promise<void> {
  const { baseMs = 500, capMs = 10_000, clock = systemClock, random = Math.random, signal } = policy;
  const waitMs = Math.ceil(random() * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
  policy.onRetry?.(attempt, waitMs, error);
  try {
    await clock.sleep(waitMs, signal);
  } catch {
    throw error;
  }
}

/** How often a task is tried unless a policy says otherwise. */
export const ATTEMPTS = 6;

/** Errors of which this module has already tried everything: whoever retries a larger task need not begin anew. */
const hopeless = new WeakSet<object>();

function givenUp(error: unknown): unknown {
  if (error instanceof Error) hopeless.add(error);
  return error;
}

/** Errors say themselves whether trying again can help: `StoreError.passing`. */
function isPassing(error: unknown): boolean {
  return error instanceof Error && 'passing' in error && error.passing === true && !hopeless.has(error);
}
