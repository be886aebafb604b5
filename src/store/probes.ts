import type { CallOptions } from './store.ts';

/** What a trial of a store has shown. `unknown`: it could not be tried, or the store would not say. */
export interface Shown {
  readonly result: 'yes' | 'no' | 'unknown';
  /** For people, without secrets. */
  readonly detail: string;
  /** Good enough, but something to look at. */
  readonly warning?: true;
}

/** A trial. It may write to `key`, a name of ferry's own, and leaves it to `tidy` to remove that; nothing else is changed. */
export type Trial = (key: string, options: CallOptions) => Promise<Shown>;

/** What only raw requests or system calls show of a store, beyond the port. Tried once each, like every request of an adapter. */
export interface ProbeStore {
  /** By the id of what is shown (docs/doctor.md). */
  readonly trials: ReadonlyMap<string, Trial>;

  /**
   * Removes all that is at exactly this key of ferry's own: the object, its versions and delete markers, unfinished uploads. Fine where
   * there is nothing.
   *
   * @throws StoreError where something stays, or may.
   */
  tidy(key: string, options?: CallOptions): Promise<void>;

  /** Why an object that is written there could not be removed again at once, such as a default retention. */
  keepsWhatIsWritten?(options?: CallOptions): Promise<string | undefined>;

  /** Makes the folder that a centre does not have yet. @returns what removes it again, as far as it is empty. */
  makeRoot?(): Promise<() => Promise<void>>;
}

const SKEW_WARNING_MS = 60_000;
const SKEW_ERROR_MS = 5 * 60_000;

/** @param skewMs how far the store's clock is ahead of this machine's. */
export function judgeSkew(whose: string, skewMs: number): Shown {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (seconds <= 1) return { result: 'yes', detail: `${whose} agrees with this machine's clock` };
  const detail = `${whose} is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's clock`;
  if (Math.abs(skewMs) > SKEW_ERROR_MS) return { result: 'no', detail };
  return Math.abs(skewMs) > SKEW_WARNING_MS ? { result: 'yes', detail, warning: true } : { result: 'yes', detail };
}
