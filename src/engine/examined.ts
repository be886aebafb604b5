import type { Clock } from '../base/clock.ts';
import type { RetryPolicy } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoreUse } from '../migration/capabilities.ts';
import type { Plan } from '../plan/types.ts';
import type { Observed, Store, StoreError } from '../store/store.ts';

/** One capability of one store, as it was found. */
export interface FoundCapability {
  readonly id: string;
  readonly result: 'yes' | 'no' | 'unknown';
  /** Whether this plan needs it of this store. */
  readonly needed: boolean;
  readonly detail: string;
  /** How to mend what is wrong or doubtful. */
  readonly fix?: string;
  readonly warning?: true;
  /** ISO 8601. */
  readonly probedAt: string;
}

export interface ExaminedStore {
  readonly name: string;
  readonly role: StoreUse['role'];
  readonly location: string;
  /** Whether all is there that the plan needs. */
  readonly ok: boolean;
  readonly unreachable: boolean;
  /** Whether something that the plan needs was shown to be missing, or what safety rests on could not be shown. */
  readonly lacking: boolean;
  /** Whether a probe object was put there. */
  readonly written: boolean;
  /** Keys of probe objects that could not be removed. */
  readonly left: readonly string[];
  readonly capabilities: readonly FoundCapability[];
  /** What its server last showed of itself, where it has one. */
  readonly observed?: Observed & { /** ISO 8601. */ readonly observedAt: string };
}

export interface DoctorWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  /** Not open yet; each is closed at the end. */
  readonly stores: ReadonlyMap<string, Store>;
  /** Whether a run would make the folder of this store. */
  readonly makes: (name: string) => boolean;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Told at once of a probe object that could not be removed. */
  readonly leftBehind: (store: string, key: string) => void;
  /** Ends requests at once … */
  readonly signal: AbortSignal;
  /** … and this one the work, after the trial under way. What was written is removed either way. */
  readonly stop: AbortSignal;
}

/** A store to be tried, and what came of making its folder. */
export interface Made {
  readonly store: Store;
  readonly unmake?: (() => Promise<void>) | undefined;
  readonly failure?: StoreError;
}
