import { z } from 'zod';
import type { Signer } from '../../base/ed25519.ts';
import { FerryError } from '../../base/errors.ts';
import { legible } from '../../base/legible.ts';
import type { Approver } from '../../plan/approver-keys.ts';
import { formatBytes, parseDuration } from '../../plan/units.ts';
import { APPROVABLE, type Approvable, type Statement, signApproval } from '../../policy/approvals.ts';
import type { SealedPlan } from '../../policy/sealed-plan.ts';
import { countriesOf } from '../../policy/zone.ts';
import { readSealed } from '../approvals.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { writeNewFile } from '../new-file.ts';
import { signerOf, signing } from '../signer.ts';

export interface ApproveOptions extends GlobalOptions {
  readonly key: string;
  readonly what: string;
  readonly until?: string;
  readonly for?: string;
  readonly out?: string;
}

const DEFAULT_FOR = '30d';

/** `ferry approve SEALED --key K`: shows a sealed plan and signs that it may be carried out. */
export async function approve(file: string, options: ApproveOptions, io: Io): Promise<Verdict> {
  const sealed = readSealed(file);
  const what = whatOf(options.what);
  const now = new Date();
  const until = untilOf(options, now.getTime());
  const signer = await signerOf(options.key, io);
  const approver = approverOf(sealed, signer, file);
  const statement: Statement = {
    plan: sealed.plan.name,
    sealed: sealed.digest,
    approver: approver.name,
    jurisdiction: approver.jurisdiction,
    keyid: signer.key.id,
    at: now.toISOString(),
    until: new Date(until).toISOString(),
    what,
  };
  io.print(render(sealed, statement));
  const out = options.out ?? `${file}.${approver.name}.approval`;
  const text = await signing(options.key, () => signApproval(statement, signer));
  writeNewFile(out, text, 0o644);
  const findings = { error: countOf(sealed, 'error'), warning: countOf(sealed, 'warning') };
  io.document({ ...statement, totals: sealed.totals, findings, file: out });
  io.print(`approval: ${out}`);
  return 'done';
}

function whatOf(text: string): Approvable[] {
  const asked = text.split(',').map((word) => word.trim());
  const unknown = asked.find((word) => !APPROVABLE.some((one) => one === word));
  if (unknown !== undefined)
    throw usage(`--what ${text}`, `it knows ${APPROVABLE.join(', ')}`, 'name these, with commas');
  return APPROVABLE.filter((one) => asked.includes(one));
}

/** Milliseconds since 1970. A day counts to its end, in UTC. */
function untilOf(options: ApproveOptions, now: number): number {
  const subject = options.until === undefined ? `--for ${options.for}` : `--until ${options.until}`;
  if (options.until !== undefined && options.for !== undefined) {
    throw usage(subject, '--for stands beside it', 'say one of the two');
  }
  const until =
    options.until === undefined
      ? now + (parseDuration(options.for ?? DEFAULT_FOR) ?? Number.NaN)
      : timeOf(options.until);
  if (Number.isNaN(new Date(until).getTime())) {
    throw usage(
      subject,
      'it is neither a duration nor a time',
      'write --for 30d, --until 2030-12-31 or --until 2030-12-31T12:00:00Z',
    );
  }
  if (until <= now) throw usage(subject, 'that is over already', 'name a time to come');
  return until;
}

function timeOf(text: string): number {
  const day = /^(\d{4}-\d\d-\d\d)$/.exec(text)?.[1];
  if (day === undefined) return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  const start = Date.parse(`${day}T00:00:00Z`);
  // 2030-02-31 would be taken for a day in March.
  const isDay = !Number.isNaN(start) && new Date(start).toISOString().startsWith(day);
  return isDay ? start + 86_400_000 : Number.NaN;
}

/** What of a sealed plan's document decides who may approve it: whoever wrote the file may have put anything there. */
const Judged = z.looseObject({
  residency: z.looseObject({ zone: z.array(z.string()) }),
  revoked: z.array(z.string()).optional(),
});

/** Whoever the plan lists with this key, where an approval of theirs could count. */
function approverOf(sealed: SealedPlan, signer: Signer, file: string): Approver {
  const { id } = signer.key;
  const judged = Judged.safeParse(sealed.plan.document);
  if (!judged.success)
    throw usage(file, 'the plan in it is none that ferry seals', 'seal it again with `ferry plan PLAN --out FILE`');
  const { residency, revoked } = judged.data;
  const approver = sealed.approvers.find(({ key }) => key.id === id);
  if (approver === undefined) throw refused(file, `the key ${id} is not one of an approver of the plan`);
  if (revoked?.includes(id) === true) throw refused(file, `the plan does not take the key ${id} any more (revoked)`);
  if (countriesOf(residency.zone).has(approver.jurisdiction)) return approver;
  throw refused(file, `${approver.name} is under ${approver.jurisdiction}, outside the residency zone`);
}

function render(sealed: SealedPlan, statement: Statement): string {
  const { totals, partitions, findings } = sealed;
  return (
    [
      `Plan ${sealed.plan.name}, sealed at ${sealed.at}`,
      `digest: ${sealed.digest}`,
      ...partitions.map(
        ({ name, from, to, objects, bytes }) =>
          `  ${name}: ${from} -> ${to}, ${objects} objects, ${formatBytes(bytes)}`,
      ),
      `all: ${totals.objects} objects, ${formatBytes(totals.bytes)}`,
      `findings: ${countOf(sealed, 'error')} errors, ${countOf(sealed, 'warning')} warnings`,
      ...findings.map(({ severity, rule, subject, message }) => `  ${severity} ${rule}: ${subject}: ${message}`),
      `approved: ${statement.what.join(', ')}, by ${statement.approver} (${statement.jurisdiction}), until ${statement.until}`,
    ]
      // What an approver reads must be what there is: no text in it ends a line, or hides one.
      .map((line) => legible(line))
      .join('\n')
  );
}

function countOf({ findings }: SealedPlan, severity: string): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

function usage(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'approve', subject, why, hint });
}

function refused(subject: string, why: string): FerryError {
  return new FerryError({ fault: 'refused', op: 'approve', subject, why, hint: 'nothing was signed' });
}
