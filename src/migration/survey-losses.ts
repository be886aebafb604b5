import PQueue from 'p-queue';
import type { AttributeName } from '../base/attribute-names.ts';
import type { PartitionSpec } from '../plan/types.ts';
import { lockAt } from '../store/object-lock.ts';
import type { Store } from '../store/store.ts';
import { losses, mapped } from './fidelity.ts';

/** How many objects would lose an attribute, by its name. */
export type LossCount = Partial<Record<AttributeName, number>>;

export interface LossQuestion {
  readonly key: string;
  readonly centre: Store;
  readonly partition: PartitionSpec;
  readonly into: { readonly losses: LossCount; held: number };
}

/**
 * Asks a source what each object carries, since no listing tells: a request an object, and one more where it has tags. An object that
 * is gone by now loses nothing; one that the plan leaves where it is, as it is locked, is counted as held alone.
 */
export async function countLosses(
  source: Store,
  questions: readonly LossQuestion[],
  concurrency: number,
  signal: AbortSignal,
): Promise<void> {
  const queue = new PQueue({ concurrency });
  await queue.addAll(
    questions.map(({ key, centre, partition, into }) => async () => {
      signal.throwIfAborted();
      const { attributes = {} } = (await source.head(key, { signal })) ?? {};
      const now = Date.now();
      if (partition.objectLock === 'refuse' && lockAt(attributes.objectLock, now) !== undefined) {
        into.held += 1;
        return;
      }
      for (const name of losses(mapped(partition, attributes), centre, now)) {
        into.losses[name] = (into.losses[name] ?? 0) + 1;
      }
    }),
  );
}
