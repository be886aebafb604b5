import { FerryError, messageOf } from '../base/errors.ts';

/** https://www.sqlite.org/rescode.html#primary_result_code_list */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** The primary result code of an error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}

/**
 * What SQLite threw while a ledger was read, as an error for an operator: a page may be damaged that nobody looked at when the file was
 * opened. Anything else passes unchanged.
 */
export function asLedgerFault(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const isDamaged = code === CORRUPT || code === NOT_A_DATABASE;
  return new FerryError({
    fault: isDamaged ? 'integrity' : 'unreachable',
    op: 'use the ledger',
    subject: 'the state directory',
    why: messageOf(error),
    hint: isDamaged
      ? 'a database in it is damaged; restore the state directory from a backup before anything else'
      : code === BUSY
        ? 'another process uses it; run again later'
        : 'see that its disk works, has room and may be written, then run again to go on',
    cause: error,
  });
}
