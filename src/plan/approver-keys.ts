import { type Ed25519PublicKey, parsePublicKey } from '../base/ed25519.ts';
import { FerryError } from '../base/errors.ts';
import { readPublicKey } from '../base/key-file.ts';
import { whyUnreadable } from '../base/private-file.ts';
import type { Plan } from './types.ts';

/** An approver with the key itself, wherever the plan has it from. */
export interface Approver {
  readonly name: string;
  readonly jurisdiction: string;
  readonly key: Ed25519PublicKey;
}

/**
 * The approvers of a plan with their keys, in its order. A file is read anew: what the plan's digest covers is only its path.
 *
 * @throws FerryError `usage` where a file went since the plan was checked.
 */
export function approversOf(plan: Plan): readonly Approver[] {
  return plan.approvers.map(({ name, jurisdiction, key }) => {
    try {
      return { name, jurisdiction, key: 'text' in key ? parsePublicKey(key.text) : readPublicKey(key.path) };
    } catch (error) {
      throw new FerryError({
        fault: 'usage',
        op: 'read the key of an approver',
        subject: 'path' in key ? key.path : name,
        why: whyUnreadable(error),
        hint: `put the public key of ${name} there, or into the plan itself`,
        cause: error,
      });
    }
  });
}
