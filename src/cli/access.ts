import { hostname } from 'node:os';
import type { Reached } from '../base/egress.ts';
import { FerryError, messageOf } from '../base/errors.ts';
import { type Access, type AccessLog, type AccessRecord, openAccessLog } from '../ledger/access-book.ts';
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

/** Where the rows go. */
interface Rows {
  readonly access: Pick<AccessLog['access'], 'begin' | 'end'>;
  readonly reach: Pick<AccessLog['reach'], 'record'>;
}

/** How often what was reached is written while a command is on: a kill loses no more. */
const REACHED_EVERY_MS = 5_000;

/** Does the work of a command that holds the lock, between two rows of the access record; what it reached goes beside them. */
export async function recorded<T>(rows: Rows, call: Call, io: Io, work: () => Promise<T>): Promise<T> {
  const invocation = rows.access.begin(accessOf(call, io));
  const tell = (): void => {
    const reached = io.egress.reached();
    if (reached.length > 0) rows.reach.record(invocation, reached);
  };
  const now = setInterval(() => {
    try {
      tell();
    } catch {
      // A ledger that cannot be written is found by the next step, or at the end.
    }
  }, REACHED_EVERY_MS).unref();
  let outcome = 'fault';
  try {
    const result = await work();
    outcome = typeof result === 'string' ? result : 'done';
    return result;
  } catch (error) {
    if (error instanceof FerryError) outcome = error.fault;
    throw error;
  } finally {
    clearInterval(now);
    tell();
    rows.access.end(invocation, outcome);
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
function beside(stateDir: string, io: Io): Rows {
  let begun: string | undefined;
  const append = (write: (log: AccessLog) => void): void => {
    try {
      using log = openAccessLog(stateDir);
      if (log !== undefined) write(log);
    } catch (error) {
      io.tell(`this access is not in the record: ${messageOf(error)}`);
    }
  };
  return {
    access: {
      begin: (access: Access) => {
        append((log) => {
          begun = log.access.begin(access);
        });
        return begun ?? '';
      },
      end: (invocation: string, outcome: string) => {
        if (begun !== undefined) append((log) => log.access.end(invocation, outcome));
      },
    },
    reach: {
      record: (invocation: string, reached: readonly Reached[]) => {
        if (begun !== undefined) append((log) => log.reach.record(invocation, reached));
      },
    },
  };
}

/** Keeps what a command that only reads has found for the evidence; where the ledger cannot be written, that is told. */
export function testify(stateDir: string, kind: 'scan' | 'audit', text: string, io: Io): void {
  try {
    using log = openAccessLog(stateDir);
    log?.log.testify(kind, text);
  } catch (error) {
    io.tell(`this ${kind} is not in the evidence: ${messageOf(error)}`);
  }
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
