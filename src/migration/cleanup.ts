import type { Ledger } from '../ledger/ledger.ts';
import type { State } from '../ledger/lifecycle.ts';
import { endsOf, type StepContext } from './context.ts';
import { dropUpload } from './copy-parts.ts';

/**
 * Aborts ferry's own unfinished uploads at the centres and forgets them. Never touches an upload that this ledger did not begin.
 *
 * @param spared states whose objects still need their upload to go on.
 * @returns how many there were.
 */
export async function abortUploads(context: StepContext, ledger: Ledger, spared: readonly State[]): Promise<number> {
  let aborted = 0;
  for (const object of ledger.uploads.objects()) {
    const row = ledger.queries.byId(object);
    const known = ledger.uploads.find(object);
    if (known === undefined || spared.includes(row.state)) continue;
    // A restore goes the other way.
    const { source, centre } = endsOf(context, row);
    await dropUpload(context, row.key, object, row.state === 'tombstoned' ? source : centre, known);
    aborted += 1;
  }
  return aborted;
}
