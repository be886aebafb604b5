import { parseEnvelope } from '../base/dsse.ts';
import { FerryError } from '../base/errors.ts';
import { readWorking } from '../ledger/control.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { noStates, type State, UNRESOLVED } from '../ledger/lifecycle.ts';
import type { LimitsNow } from '../plan/limits-at.ts';
import { sources } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { formatBytes } from '../plan/units.ts';
import { countriesOf } from '../policy/zone.ts';
import type { Approval, Counts, Evidence, Flow, Limit, Partition, ReportData, ReportStore, Source } from './data.ts';
import { timelineOf, widthFor } from './timeline.ts';

export interface CollectWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  /** Over the plan and its first complete inventory. */
  readonly digest: string;
  readonly limits: LimitsNow;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Of ferry. */
  readonly version: string;
  /** Whether keys of objects are told. */
  readonly withKeys: boolean;
}

/** Different reasons that a page tells. */
const MOST_REASONS = 25;
/** Objects of each state that a page names. */
const MOST_OBJECTS = 40;
/** Calls of commands. */
const MOST_CALLS = 12;
const MOST_APPROVALS = 200;

/**
 * Reads a ledger as it is at one moment, also beside whoever writes it.
 *
 * @throws FerryError `integrity` where the ledger's counts are not those of its rows.
 */
export function collect(work: CollectWork): ReportData {
  const { plan, ledger, now } = work;
  return ledger.overview.atOnce(() => {
    const partitions = partitionsOf(plan, ledger);
    const totals = totalsOf(partitions);
    const sizes = ledger.overview.sizes();
    requireAgreement(ledger, totals, sizes);
    const span = ledger.overview.span();
    const width = span && widthFor(span);
    const working = readWorking(ledger.stateDir);
    return {
      plan: {
        name: plan.name,
        digest: work.digest,
        finish: plan.finish,
        verify: plan.verify,
        zone: plan.residency.zone,
        runner: plan.runner?.jurisdiction,
        holdMs: plan.tombstone.holdMs,
        approvalsAsked: plan.tombstone.approvals,
      },
      madeAt: now,
      version: work.version,
      atWork: working && { command: String(working['command']), since: String(working['since']) },
      totals,
      partitions,
      stores: storesOf(plan),
      flows: flowsOf(partitions),
      sources: sources(plan).map((name) => sourceOf(ledger, name)),
      sizes,
      timeline: width === undefined ? undefined : timelineOf(width, ledger.overview.timeline(width)),
      unresolved: {
        objects: UNRESOLVED.reduce((sum, state) => sum + totals.states[state], 0),
        ...ledger.overview.reasons(MOST_REASONS),
        sample: work.withKeys ? sampleOf(ledger) : [],
        withKeys: work.withKeys,
        damaged: ledger.queries.integrityFailures(),
      },
      approvals: approvalsOf(ledger),
      evidence: evidenceOf(ledger),
      limits: limitsOf(work.limits),
      calls: ledger.access.last(MOST_CALLS),
    };
  });
}

function partitionsOf(plan: Plan, ledger: Ledger): Partition[] {
  const ways = new Map(plan.partitions.map(({ name, from, to }) => [name, { from, to }]));
  return ledger.queries.tallies().map(({ partition, objects, bytes, states }) => {
    const { from, to } = ways.get(partition) ?? { from: '', to: '' };
    return { name: partition, from, to, objects, bytes, states };
  });
}

function totalsOf(partitions: readonly Partition[]): Counts {
  const states = noStates();
  let [objects, bytes] = [0, 0];
  for (const partition of partitions) {
    objects += partition.objects;
    bytes += partition.bytes;
    for (const state of Object.keys(states) as State[]) states[state] += partition.states[state];
  }
  return { objects, bytes, states };
}

/** A page never shows counts that are not those of the rows: planned is the sum of all outcomes. */
function requireAgreement(ledger: Ledger, totals: Counts, sizes: ReportData['sizes']): void {
  const rows = sizes.reduce((sum, { objects }) => sum + objects, 0);
  const outcomes = Object.values(totals.states).reduce((sum, objects) => sum + objects, 0);
  if (rows === totals.objects && outcomes === totals.objects) return;
  throw new FerryError({
    fault: 'integrity',
    op: 'make the report',
    subject: ledger.stateDir,
    why: `the ledger counts ${totals.objects} objects and ${outcomes} outcomes, and has ${rows} rows`,
    hint: 'the file was changed by something else than ferry; restore it from a backup',
  });
}

function storesOf(plan: Plan): ReportStore[] {
  const zone = countriesOf(plan.residency.zone);
  return Object.values(plan.stores).map(({ name, type, jurisdiction }) => ({
    name,
    type,
    jurisdiction,
    inZone: zone.has(jurisdiction),
    isSource: plan.partitions.some(({ from }) => from === name),
    isCentre: plan.partitions.some(({ to }) => to === name),
  }));
}

function flowsOf(partitions: readonly Partition[]): Flow[] {
  const flows = new Map<string, Flow>();
  for (const { from, to, objects, bytes } of partitions) {
    const before = flows.get(`${from}/${to}`) ?? { from, to, objects: 0, bytes: 0 };
    flows.set(`${from}/${to}`, { from, to, objects: before.objects + objects, bytes: before.bytes + bytes });
  }
  return [...flows.values()];
}

function sourceOf(ledger: Ledger, name: string): Source {
  const state = ledger.inventory.state(name);
  const none = { objects: 0, bytes: 0 };
  return {
    name,
    complete: state?.complete === true,
    listed: state?.listed ?? none,
    excluded: state?.excluded ?? none,
    unassigned: state?.unassigned ?? none,
  };
}

function sampleOf(ledger: Ledger): ReportData['unresolved']['sample'] {
  return UNRESOLVED.flatMap((state) =>
    ledger.overview.first(state, MOST_OBJECTS).map(({ reason, ...rest }) => ({ state, reason: reason ?? '', ...rest })),
  );
}

/** What counted once; each was judged when it did. */
function approvalsOf(ledger: Ledger): Approval[] {
  return ledger.seals
    .counted()
    .slice(-MOST_APPROVALS)
    .map(({ what, seal, envelope, at }) => {
      const said = payloadOf(envelope);
      const text = (name: string): string => String(said[name] ?? '');
      return {
        approver: text('approver'),
        jurisdiction: text('jurisdiction'),
        keyid: text('keyid'),
        until: text('until'),
        what,
        sealed: seal,
        at,
      };
    });
}

function evidenceOf(ledger: Ledger): Evidence {
  const leaves = ledger.log.size;
  const newest = ledger.log
    .heads()
    .sort((one, other) => one.at - other.at)
    .at(-1);
  if (newest === undefined) return { leaves, head: undefined };
  const predicate = payloadOf(newest.envelope)['predicate'] as { readonly root?: unknown } | undefined;
  return {
    leaves,
    head: { root: String(predicate?.root ?? ''), size: newest.size, keyid: newest.keyid, at: newest.at },
  };
}

function payloadOf(envelope: string): Readonly<Record<string, unknown>> {
  return JSON.parse(parseEnvelope(envelope).payload.toString('utf8')) as Record<string, unknown>;
}

function limitsOf({ bandwidth, requests, concurrency, minConcurrency }: LimitsNow): Limit[] {
  const rate = (value: number | undefined, told: (value: number) => string): string =>
    value === undefined ? 'none' : told(value);
  return [
    { name: 'bandwidth', value: rate(bandwidth.value, (value) => `${formatBytes(value)}/s`), from: bandwidth.from },
    { name: 'requests to each store', value: rate(requests.value, (value) => `${value}/s`), from: requests.from },
    { name: 'objects at once', value: String(concurrency.value), from: concurrency.from },
    { name: 'objects at once, at least', value: String(minConcurrency.value), from: minConcurrency.from },
  ];
}
