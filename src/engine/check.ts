import PQueue from 'p-queue';
import { type RetryPolicy, retry } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { State } from '../ledger/lifecycle.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { Outcome, StepContext } from '../migration/context.ts';
import { verify } from '../migration/verify.ts';
import { StoreError } from '../store/store.ts';
import { interrupted, outOfReach } from './local.ts';

/** What reading the centres again has shown. */
export interface CheckResult {
  checked: number;
  ok: number;
  readonly mismatched: { readonly key: string; readonly partition: string; readonly reason: string }[];
  readonly unverifiable: { readonly key: string; readonly partition: string; readonly reason: string }[];
}

/** The states in which a centre must hold the object. */
const AT_CENTRE: readonly State[] = ['copied', 'verified', 'tombstoned', 'purged', 'restored'];

/** Reads every migrated object at its centre again and compares. Changes neither stores nor ledger. */
export async function checkCentres(
  context: StepContext,
  ledger: Ledger,
  policy: RetryPolicy,
  stop: AbortSignal,
  seen: (checked: number) => void = () => undefined,
): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, ok: 0, mismatched: [], unverifiable: [] };
  const queue = new PQueue({ concurrency: context.plan.limits.concurrency });
  let failure: unknown;
  for (const row of ledger.queries.inStates(AT_CENTRE)) {
    await queue.onSizeLessThan(context.plan.limits.concurrency);
    if (failure !== undefined || stop.aborted) break;
    void queue.add(async () => {
      try {
        await one(context, row, policy, stop, result);
        seen(result.checked);
      } catch (error) {
        failure ??= error instanceof StoreError ? outOfReach(error) : error;
      }
    });
  }
  await queue.onIdle();
  if (stop.aborted) throw interrupted();
  if (failure !== undefined) throw failure;
  return result;
}

async function one(
  context: StepContext,
  row: ObjectRow,
  policy: RetryPolicy,
  stop: AbortSignal,
  result: CheckResult,
): Promise<void> {
  const outcome = await readable(() => retry(() => verify(context, row), { ...policy, signal: stop }));
  const { key, partition } = row;
  const told = { key, partition, reason: outcome.change.reason ?? '' };
  result.checked += 1;
  if (outcome.to === 'verified') result.ok += 1;
  else if (outcome.to === 'unverifiable') result.unverifiable.push(told);
  else result.mismatched.push(told);
}

/** An object that cannot be read after all retries, from a store that answers, is damaged. */
async function readable(check: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof StoreError && error.passing) || error.kind === 'unreachable') throw error;
    return { to: 'failed', change: { reason: error.message, integrity: true } };
  }
}
