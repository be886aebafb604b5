import { StoreError, type StoreErrorKind } from '../store/store.ts';
import type { Tally } from './scan-tally.ts';

/** Errors by which a store says that it does not show something. Others say that it could not be asked. */
const REFUSALS: readonly StoreErrorKind[] = ['denied', 'unsupported', 'other', 'key', 'absent'];

/** @throws the error where it is no refusal. */
export function refusalIn(error: unknown): StoreError {
  if (error instanceof StoreError && REFUSALS.includes(error.kind)) return error;
  throw error;
}

/** Notes what a store does not show: to these credentials, or to nobody. @throws the error where it is no refusal. */
export function unseen(tally: Tally, what: string, error: unknown): void {
  const { kind, why } = refusalIn(error);
  if (kind === 'unsupported') tally.cannotShow(`${what}: ${why}`);
  else tally.notSeen(`${what}: ${why}`);
}
