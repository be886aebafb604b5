import { FerryError, messageOf } from '../../base/errors.ts';
import type { Segment } from '../../evidence/manifest.ts';

/** Does a part of the check. @throws FerryError `integrity` that says where, for whatever was thrown. */
export function wrong<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FerryError ? error : fault(where, messageOf(error), error);
  }
}

/** What is wrong with one leaf. */
export function wrongLeaf(leaf: number, { lines }: Segment, line: number, why: string): FerryError {
  return fault(`leaf ${leaf} (${lines.name}, line ${line + 1})`, why);
}

/** What is wrong with a file, or a part of it. */
export function fault(subject: string, why: string, cause?: unknown): FerryError {
  const hint = 'do not rely on this bundle; ask whoever gave it to you';
  return new FerryError({ fault: 'integrity', op: 'check the evidence', subject, why, hint, cause });
}
