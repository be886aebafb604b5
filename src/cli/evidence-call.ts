import { FerryError } from '../base/errors.ts';
import { refuseAway } from '../ledger/away.ts';
import { Ledger } from '../ledger/ledger.ts';
import { takeLock } from '../ledger/lock.ts';
import { recorded } from './access.ts';
import { gatherEvidence } from './evidence-log.ts';
import type { Io, Verdict } from './io.ts';
import { callOf, type Opened } from './session.ts';

/** Brings the log up to date before the call itself is recorded, so that a bundle does not hold half of its own making. */
export async function withLog(
  command: string,
  opened: Opened,
  io: Io,
  work: (ledger: Ledger) => Promise<Verdict>,
): Promise<Verdict> {
  const known = Ledger.read(opened.stateDir);
  if (known === undefined)
    throw noSuch(command, `plan ${opened.plan.name}`, 'no run of it has begun yet', 'begin with `ferry run`');
  known.close();
  const lock = takeLock(opened.stateDir, command);
  try {
    refuseAway(opened.stateDir, command);
    const ledger = Ledger.open(opened.stateDir);
    try {
      gatherEvidence(opened, ledger);
      return await recorded(ledger, callOf(command, opened), io, () => work(ledger));
    } finally {
      ledger.close();
    }
  } finally {
    lock.release();
  }
}

/** Wrong usage of an evidence command. */
export function noSuch(op: string, subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op, subject, why, hint });
}
