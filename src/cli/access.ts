import { hostname } from 'node:os';
import { FerryError, messageOf } from '../base/errors.ts';
import { type Access, type AccessBook, type AccessRecord, openAccessLog } from '../ledger/access-book.ts';
import type { Plan } from '../plan/types.ts';
import type { Io } from './io.ts';
import { operatorOf } from './operator.ts';
import { version } from './version.ts';

/** What of a call goes into the access record. */
export interface Call {
  readonly command: string;
  readonly plan: Plan;
  /** The partitions that were asked for; all, where none were. */
  readonly partitions?: readonly string[] | undefined;
}

/** Where the two rows go. */
type AccessRows = Pick<AccessBook, 'begin' | 'end'>;

/** Does the work of a command that holds the lock, between two rows of the access record. */
export async function recorded<T>(book: AccessRows, call: Call, io: Io, work: () => Promise<T>): Promise<T> {
  const invocation = book.begin(accessOf(call, io));
  let outcome = 'fault';
  try {
    const result = await work();
    outcome = typeof result === 'string' ? result : 'done';
    return result;
  } catch (error) {
    if (error instanceof FerryError) outcome = error.fault;
    throw error;
  } finally {
    book.end(invocation, outcome);
  }
}

/**
 * Does the work of a command that only reads, and writes the two rows beside it. Who may read a ledger but not write it, as an auditor of
 * a copy, is let in all the same, and told that there is no record of it.
 */
export async function recordedBeside<T>(stateDir: string, call: Call, io: Io, work: () => Promise<T>): Promise<T> {
  return await recorded(beside(stateDir, io), call, io, work);
}

/** The ledger is opened for each row: nothing is held open while a command reads for hours. */
function beside(stateDir: string, io: Io): AccessRows {
  let begun: string | undefined;
  const append = (write: (book: AccessBook) => void): void => {
    try {
      using log = openAccessLog(stateDir);
      if (log !== undefined) write(log.book);
    } catch (error) {
      io.tell(`this access is not in the record: ${messageOf(error)}`);
    }
  };
  return {
    begin: (access: Access) => {
      append((book) => {
        begun = book.begin(access);
      });
      return begun ?? '';
    },
    end: (invocation: string, outcome: string) => {
      if (begun !== undefined) append((book) => book.end(invocation, outcome));
    },
  };
}

function accessOf({ command, plan, partitions = [] }: Call, io: Io): Access {
  return {
    command,
    operator: operatorOf(plan, io.env),
    host: hostname(),
    jurisdiction: plan.runner?.jurisdiction,
    partitions: partitions.length > 0 ? [...new Set(partitions)] : plan.partitions.map(({ name }) => name),
    version: version(),
  };
}

/** One call as `--json` tells it. `endedAt` and `outcome` are null while it is on, and where it was killed. */
export function accessDocument({ beganAt, endedAt, outcome, jurisdiction, ...rest }: AccessRecord) {
  return {
    ...rest,
    jurisdiction: jurisdiction ?? null,
    beganAt: new Date(beganAt).toISOString(),
    endedAt: endedAt === undefined ? null : new Date(endedAt).toISOString(),
    outcome: outcome ?? null,
  };
}
