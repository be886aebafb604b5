import { CommanderError } from 'commander';
import { errorDocument, FerryError } from '../base/errors.ts';
import { safeText } from '../base/safe-text.ts';
import { withoutSecrets } from '../base/secrets.ts';
import { asLedgerFault } from '../ledger/faults.ts';
import { writeDocument } from './document.ts';
import { codeOfFault, codeOfVerdict } from './exit-codes.ts';
import { PlanRejected } from './failure.ts';
import type { Verdict } from './io.ts';
import { findingLine, problemLine } from './plan-file.ts';
import { makeProgram } from './program.ts';

/** Runs the command line and gives back the exit code: the one place where errors become one. */
export async function main(argv: readonly string[]): Promise<number> {
  let verdict: Verdict = 'done';
  for (const stream of [process.stdout, process.stderr]) stream.on('error', unlessGone);
  try {
    const program = makeProgram((ended) => {
      verdict = ended;
    });
    await program.parseAsync(argv);
    return codeOfVerdict(verdict);
  } catch (error) {
    return explain(error, argv.includes('--json'));
  }
}

/** Whoever read the output may leave, as `head` or a closed terminal does: what is being done goes on, and its exit code stays what it is. */
function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

function explain(thrown: unknown, json: boolean): number {
  const error = asLedgerFault(thrown);
  // commander has already printed its own message.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (json) writeDocument({ error: { fault: 'usage', why: error.message }, code: codeOfFault('usage') });
    return codeOfFault('usage');
  }
  if (error instanceof PlanRejected) return rejected(error, json);
  if (error instanceof FerryError) {
    if (json) writeDocument({ error: errorDocument(error), code: codeOfFault(error.fault) });
    tell(`ferry: ${error.message}\n  ${error.hint}`);
    return codeOfFault(error.fault);
  }
  tell(`ferry: a fault of ferry's own; please report it:\n${error instanceof Error ? error.stack : String(error)}`);
  if (json) writeDocument({ error: { fault: 'bug', why: withoutSecrets(String(error)) }, code: 1 });
  return 1;
}

function rejected(error: PlanRejected, json: boolean): number {
  const code = error.problems.length > 0 ? codeOfFault('usage') : codeOfFault('refused');
  const why = error.problems.length > 0 ? `the ${error.kind} does not validate` : 'residency refuses the plan';
  if (json) writeDocument({ valid: false, errors: error.problems, findings: error.findings, error: { why }, code });
  for (const problem of error.problems) tell(problemLine(problem));
  for (const finding of error.findings) tell(findingLine(finding));
  tell(`ferry: ${why}; nothing was changed`);
  return code;
}

function tell(text: string): void {
  process.stderr.write(`${safeText(withoutSecrets(text))}\n`);
}
