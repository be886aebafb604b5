import { FerryError, messageOf } from '../../base/errors.ts';
import { readSmallFile, whyUnreadable } from '../../base/private-file.ts';
import { readAudit } from '../../evidence/audit-statement.ts';
import { noSuch, withLog } from '../evidence-call.ts';
import { gatherEvidence } from '../evidence-log.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan } from '../session.ts';

/** Mismatches make a statement long. */
const LONGEST_STATEMENT = 64 * 1024 * 1024;

export interface AddOptions extends GlobalOptions {
  readonly audit: string;
}

/** `ferry evidence add PLAN --audit FILE`: an auditor's statement becomes part of the log. */
export async function evidenceAdd(file: string, options: AddOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withLog('evidence add', opened, io, async (ledger) => {
    const text = statementIn(options.audit, ledger.uuid);
    if (ledger.log.testimony().some((one) => one.text === text))
      throw noSuch('add', options.audit, 'the log has it already', 'nothing is left to do');
    ledger.log.testify('audit', text);
    gatherEvidence(opened, ledger);
    io.document({ plan: opened.plan.name, added: options.audit, size: ledger.log.size });
    io.print(`${options.audit} is in the log, which has ${ledger.log.size} leaves now`);
    return 'done';
  });
}

function statementIn(file: string, uuid: string): string {
  let text: string;
  try {
    text = readSmallFile(file, LONGEST_STATEMENT, () => false)
      .toString('utf8')
      .trim();
  } catch (error) {
    throw noSuch('read', file, whyUnreadable(error), 'name what `ferry audit --key` wrote');
  }
  try {
    if (readAudit(text, []).ledger !== uuid) throw new Error('it is of another ledger');
  } catch (error) {
    throw new FerryError({
      fault: 'integrity',
      op: 'add',
      subject: file,
      why: messageOf(error),
      hint: 'name what `ferry audit --key` wrote for this plan',
    });
  }
  return text;
}
