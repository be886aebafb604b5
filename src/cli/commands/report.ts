import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { FerryError } from '../../base/errors.ts';
import { readOrdered } from '../../ledger/control.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { digestNow } from '../../migration/summary.ts';
import { limitsAt } from '../../plan/limits-at.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes } from '../../plan/units.ts';
import { collect } from '../../report/collect.ts';
import type { ReportData } from '../../report/data.ts';
import { BEGINNING, renderPage } from '../../report/page.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { replaceFile } from '../new-file.ts';
import { type Opened, openPlan, withRecord } from '../session.ts';
import { version } from '../version.ts';

export interface ReportOptions extends GlobalOptions {
  readonly out: string;
  readonly keys: 'plain' | 'none';
}

/** `ferry report PLAN --out FILE`: where a plan stands as one page for people. Reads the ledger, also while a run is on; touches no store. */
export async function reportCommand(file: string, options: ReportOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const out = resolve(options.out);
  refuseOut(opened, out);
  const data = read(opened, options.keys === 'plain');
  return await withRecord('report', opened, io, async (): Promise<Verdict> => {
    const page = renderPage(data);
    replaceFile(out, page, modeOf(out));
    tell(data, options.out, page, io);
    return 'done';
  });
}

function read({ plan, stateDir }: Opened, withKeys: boolean): ReportData {
  const ledger = Ledger.read(stateDir);
  try {
    if (ledger === undefined || isEmpty(ledger)) throw nothingYet(plan);
    const now = Date.now();
    return collect({
      plan,
      ledger,
      digest: digestNow(plan, ledger),
      limits: limitsAt(plan.limits, now, readOrdered(stateDir)),
      now,
      version: version(),
      withKeys,
    });
  } finally {
    ledger?.close();
  }
}

function tell(
  { plan, madeAt, totals, unresolved, partitions, evidence }: ReportData,
  file: string,
  page: string,
  io: Io,
) {
  const bytes = Buffer.byteLength(page);
  io.document({
    plan: plan.name,
    digest: plan.digest,
    file,
    bytes,
    sha256: createHash('sha256').update(page).digest('hex'),
    at: new Date(madeAt).toISOString(),
    totals,
    partitions: partitions.length,
    unresolved: unresolved.objects,
    evidence: evidence.head ?? null,
  });
  io.print(
    `${file}: ${formatBytes(bytes)}; ${totals.objects} objects in ${partitions.length} partitions, ${unresolved.objects} need a person`,
  );
}

/** Neither a run has begun, nor is an object in it. */
function isEmpty(ledger: Ledger): boolean {
  if (!ledger.isBound) return true;
  return ledger.runs.last() === undefined && ledger.queries.tallies().every(({ objects }) => objects === 0);
}

function nothingYet({ name }: Plan): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'make the report',
    subject: `plan ${name}`,
    why: 'no run of it has begun yet: its ledger is empty',
    hint: 'begin with `ferry run`; `ferry plan` tells what it would do',
  });
}

/** Only another report is replaced, and nothing is put among the objects of a store. */
function refuseOut({ plan }: Opened, out: string): void {
  const refusal = (why: string, hint: string): FerryError =>
    new FerryError({ fault: 'usage', op: 'write', subject: out, why, hint });
  for (const spec of Object.values(plan.stores)) {
    if (spec.type !== 'file') continue;
    const inside = relative(spec.path, out);
    if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) continue;
    throw refusal(`it lies inside store ${spec.name}`, 'name a file outside of every store with --out');
  }
  const there = statSync(out, { throwIfNoEntry: false });
  if (there !== undefined && !(there.isFile() && isReport(out)))
    throw refusal('it is there already, and is no report of ferry', 'name another file with --out');
}

function isReport(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const start = Buffer.alloc(BEGINNING.length);
    return readSync(fd, start, 0, start.length, 0) === start.length && start.toString('latin1') === BEGINNING;
  } finally {
    closeSync(fd);
  }
}

/** It may name people: its owner's alone, unless whoever has it has said otherwise before. */
function modeOf(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777;
}
