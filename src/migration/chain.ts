import { digestOf, sha256Hex } from '../base/digest.ts';
import type { Plan } from '../plan/types.ts';

/** What an inventory's digest starts from, before the first entry of a source. */
export function chainStart(source: string): string {
  return sha256Hex(`ferry/inventory/v1\n${source}`);
}

/**
 * The running digest after one more entry: SHA-256 over the digest before it and the entry. One value stands for a whole listing,
 * and a listing that was cut off goes on from the value in the ledger.
 */
export function chainNext(chain: string, route: string, key: string, size: number, revision: string): string {
  return sha256Hex(`${chain}\n${JSON.stringify([route, key, size, revision])}`);
}

/** The digest of a plan over its sources, as `plan` and `run` print it: `sha256:…`. */
export function planDigest(
  plan: Plan,
  inventories: readonly { readonly source: string; readonly digest: string }[],
): string {
  return digestOf({
    format: 'ferry/plan-digest/v1',
    plan: plan.digest,
    inventories: inventories.map(({ source, digest }) => ({ source, digest })),
  });
}
