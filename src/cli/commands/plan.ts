import { closeStores, openStores } from '../../engine/stores.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { planDigest } from '../../migration/chain.ts';
import { estimateSeconds } from '../../migration/estimate.ts';
import { keepFindings } from '../../migration/keep.ts';
import { keyFindings } from '../../migration/key-findings.ts';
import { type Survey, survey } from '../../migration/survey.ts';
import { versionFindings } from '../../migration/version-findings.ts';
import { openRouter } from '../../plan/router.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes, formatDuration } from '../../plan/units.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { findingLine } from '../plan-file.ts';
import { markdownOf } from '../plan-view/markdown.ts';
import { sizeLines, sizesDocument } from '../plan-view/sizes.ts';
import { writeSealed } from '../seal.ts';
import { type Opened, openPlan, retryPolicy, withRecord } from '../session.ts';
import { table } from '../table.ts';

export interface PlanOptions extends GlobalOptions {
  /** Where to write the sealed plan. */
  readonly out?: string;
  /** For a pull request. */
  readonly markdown?: boolean;
}

/** `ferry plan PLAN`: the dry run. Changes nothing in any store; the ledger records only the call. */
export async function planCommand(file: string, options: PlanOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withRecord('plan', opened, io, () => dryRun(opened, options, io));
}

async function dryRun({ plan, findings, stateDir }: Opened, options: PlanOptions, io: Io): Promise<Verdict> {
  const ledger = Ledger.read(stateDir);
  const stores = await openStores(plan, {
    env: io.env,
    retry: retryPolicy(io),
    missingCentre: () => 'empty',
    sweep: false,
    limits: limitsOf({ plan, stateDir }),
    signal: io.stop,
  });
  const router = await openRouter(plan);
  try {
    const found = await survey({ plan, stores, router, ledger, signal: io.stop });
    const lost = lossFindings(plan, found);
    const keys = keyFindings(plan, found, ledger);
    const versions = versionFindings(plan, stores);
    const keep = keepFindings(plan, stores);
    const all = [...findings, ...coverageFindings(plan, found), ...lost, ...keys, ...versions, ...keep];
    const document = documentOf(plan, found, all);
    const sealed = options.out === undefined ? undefined : writeSealed(options.out, plan, found, all);
    io.document({ ...document, ...(sealed === undefined ? {} : { sealed: { file: options.out, digest: sealed } }) });
    const { digest, estimate } = document;
    if (options.markdown === true) {
      io.print(markdownOf(plan, found, all, { digest, seconds: estimate.seconds }));
      return 'done';
    }
    io.print(render(plan, found, digest, estimate.seconds));
    if (sealed !== undefined) io.print(`sealed: ${options.out}, ${sealed}`);
    for (const { severity, message } of lost) io.print(`${severity}: ${message}`);
    for (const finding of findings) io.tell(findingLine(finding));
    for (const { severity, subject, message } of [...keys, ...versions, ...keep])
      io.tell(`${severity}: ${subject}: ${message}`);
    return 'done';
  } finally {
    router.close();
    await closeStores(stores);
    ledger?.close();
  }
}

function documentOf(plan: Plan, found: Survey, findings: readonly object[]) {
  const objects = found.partitions.reduce((sum, partition) => sum + partition.objects, 0);
  const bytes = found.partitions.reduce((sum, partition) => sum + partition.bytes, 0);
  return {
    plan: plan.name,
    digest: planDigest(plan, found.inventories),
    planDigest: plan.digest,
    inventories: found.inventories,
    totals: { objects, bytes },
    partitions: found.partitions.map(({ sizes, ...rest }) => ({ ...rest, sizes: sizesDocument(sizes) })),
    unassigned: found.unassigned,
    excluded: found.excluded,
    findings,
    estimate: { seconds: estimateSeconds(plan, found.toMove), ...found.toMove },
  };
}

function coverageFindings(
  plan: Plan,
  found: Survey,
): { rule: string; severity: string; subject: string; message: string }[] {
  const findings = [];
  if (found.unassigned.objects > 0) {
    const severity = plan.unassigned === 'allow' ? 'warning' : 'error';
    const message = `${found.unassigned.objects} objects are in no partition and no exclude`;
    findings.push({ rule: 'coverage', severity, subject: 'partitions', message });
  }
  for (const [index, { name, conflicts }] of found.partitions.entries()) {
    if (conflicts === 0) continue;
    const message = `${conflicts} objects of ${name} would end as conflicts: the centre holds other bytes, or they cannot be read`;
    findings.push({ rule: 'conflict', severity: 'warning', subject: `partitions[${index}]`, message });
  }
  return findings;
}

/** What would be lost in translation, before a byte moves. */
function lossFindings(
  plan: Plan,
  found: Survey,
): { rule: string; severity: string; subject: string; message: string }[] {
  const lost = found.partitions.flatMap(({ name, to, losses }, index) =>
    Object.entries(losses).map(([attribute, objects]) => {
      const accepted = plan.partitions[index]?.accept.some((one) => one === attribute) === true;
      const what = `${objects} objects of ${name} would lose ${attribute} at ${to}`;
      return {
        rule: 'loss',
        severity: accepted ? 'warning' : 'error',
        subject: `partitions[${index}]`,
        message: accepted ? `${what}, which the plan accepts` : `${what}: name it in accept: or choose another centre`,
      };
    }),
  );
  const held = found.partitions.flatMap(({ name, from, held: objects }, index) => {
    if (objects === 0) return [];
    const message = `${objects} objects of ${name} would end as held: they are locked at ${from}, and the plan says objectLock: refuse`;
    return [{ rule: 'held', severity: 'warning', subject: `partitions[${index}]`, message }];
  });
  return [...lost, ...held];
}

function historyLines(found: Survey): string[] {
  return found.partitions.flatMap(({ name, history: { versions, deleteMarkers, bytes } }) =>
    versions + deleteMarkers === 0
      ? []
      : [`history of ${name}: ${versions} versions, ${deleteMarkers} delete markers, ${formatBytes(bytes)} in all`],
  );
}

function sizesOf(found: Survey): string[] {
  const lines = sizeLines(found.partitions);
  return lines.length === 0 ? [] : ['objects by size:', ...lines, ''];
}

function render(plan: Plan, found: Survey, digest: string, seconds: number): string {
  const rows = found.partitions.map((partition) => [
    partition.name,
    `${partition.from} -> ${partition.to}`,
    String(partition.objects),
    formatBytes(partition.bytes),
    String(partition.alreadyThere),
    String(partition.conflicts),
  ]);
  const lines = [
    `Plan ${plan.name}: dry run, nothing is changed`,
    '',
    table(['partition', 'way', 'objects', 'bytes', 'already there', 'conflicts'], rows),
    '',
    ...sizesOf(found),
    ...historyLines(found),
    `excluded: ${found.excluded.objects} objects, ${formatBytes(found.excluded.bytes)}`,
    `unassigned: ${found.unassigned.objects} objects, ${formatBytes(found.unassigned.bytes)}`,
    ...found.unassigned.sample.map((key) => `  ${JSON.stringify(key)}`),
    ...found.partitions.flatMap((partition) =>
      partition.conflictSample.map((key) => `conflict in ${partition.name}: ${JSON.stringify(key)}`),
    ),
    `to move: ${found.toMove.objects} objects, ${formatBytes(found.toMove.bytes)}, about ${formatDuration(seconds * 1000)}`,
    `finish: ${plan.finish}, verify: ${plan.verify}`,
    `digest: ${digest}`,
  ];
  if (found.unassigned.objects > 0 && plan.unassigned === 'refuse') {
    lines.push(
      '',
      '`run` will refuse while objects are unassigned: add a partition or an exclude for them, or say `unassigned: allow`.',
    );
  }
  return lines.join('\n');
}
