import PQueue from 'p-queue';
import type { AttributeName } from '../base/attribute-names.ts';
import type { Store } from '../store/store.ts';
import { losses } from './fidelity.ts';

/** How many objects would lose an attribute, by its name. */
export type LossCount = Partial<Record<AttributeName, number>>;

export interface LossQuestion {
  readonly key: string;
  readonly centre: Store;
  readonly into: LossCount;
}

/**
 * Asks a source what each object carries, since no listing tells: a request an object, and one more where it has tags. An object that
 * is gone by now loses nothing.
 */
export async function countLosses(
  source: Store,
  questions: readonly LossQuestion[],
  concurrency: number,
  signal: AbortSignal,
): Promise<void> {
  const queue = new PQueue({ concurrency });
  await queue.addAll(
    questions.map(({ key, centre, into }) => async () => {
      signal.throwIfAborted();
      const head = await source.head(key, { signal });
      for (const name of losses(head?.attributes ?? {}, centre)) into[name] = (into[name] ?? 0) + 1;
    }),
  );
}
