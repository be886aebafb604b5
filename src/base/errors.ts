import { safeText } from './safe-text.ts';
import { withoutSecrets } from './secrets.ts';

/**
 * What went wrong, for an operator to read.
 *
 * `fault` is the only thing `src/cli/main.ts` needs to choose an exit code:
 * - `usage`: wrong usage, or a plan that does not validate (2)
 * - `refused`: residency, coverage, approvals, or a store that cannot be emptied safely (3)
 * - `integrity`: a digest, the ledger or the evidence does not agree (5)
 * - `unreachable`: a store could not be reached, or the state is in use; run again to go on (75)
 * - `interrupted`: the operator stopped it; run again to go on (130)
 */
export type Fault = 'usage' | 'refused' | 'integrity' | 'unreachable' | 'interrupted';

export interface FerryErrorInit {
  readonly fault: Fault;
  /** What was being done, as a verb phrase: `read the plan`, `copy the object`. */
  readonly op: string;
  /** On what: a file, a store, an object. */
  readonly subject: string;
  /** Why it failed, in one sentence without secrets. */
  readonly why: string;
  /** What to do next. */
  readonly hint: string;
  /** What in the plan it is about: `stores.hamar.expect.region`. Whoever prints the error can tell where that stands. */
  readonly field?: string;
  readonly cause?: unknown;
}

/** An operator's mistake, or the world's: never a bug of ferry's own. Printed without a stack trace. */
export class FerryError extends Error {
  override readonly name = 'FerryError';
  readonly fault: Fault;
  readonly op: string;
  readonly subject: string;
  readonly why: string;
  readonly hint: string;
  readonly field: string | undefined;

  constructor(init: FerryErrorInit) {
    const why = withoutSecrets(init.why);
    const told = safeText(`cannot ${init.op}: ${init.subject}: ${why}`);
    super(told, init.cause === undefined ? {} : { cause: init.cause });
    this.fault = init.fault;
    this.op = init.op;
    this.subject = init.subject;
    this.why = why;
    this.hint = init.hint;
    this.field = init.field;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  // A server's answer can make anything of it: the SDK takes two messages for a list.
  return error instanceof Error ? String(error.message) : String(error);
}

/** An error as `--json` documents show it. */
export function errorDocument(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof FerryError)) return { why: messageOf(error) };
  const { fault, op, subject, why, hint, field } = error;
  return { fault, op, subject, why, hint, ...(field === undefined ? {} : { field }) };
}
