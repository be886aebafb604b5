import type { Json } from '../../base/canonical.ts';
import { digestOf, sha256Hex } from '../../base/digest.ts';
import type { LeafOf, OtherLeaf } from '../../evidence/leaf.ts';
import { leafText } from '../../evidence/leaf.ts';
import { keyDigest, type ObjectLeaf, type OutcomeName, objectText, saltOf } from '../../evidence/object-leaf.ts';
import type { VersionRecord } from '../../ledger/history-book.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { NewLeaf, Unlogged } from '../../ledger/log-book.ts';
import { sources } from '../../plan/router.ts';
import type { Plan } from '../../plan/types.ts';
import { parseSealed, revokedIn } from '../../policy/sealed-plan.ts';

/** One verdict on a plan, as the evidence has it. */
export interface Verdict {
  readonly rule: string;
  readonly severity: string;
  readonly subject: string;
  readonly message: string;
}

export interface GatherWork {
  readonly plan: Plan;
  /** What residency and other rules said of the plan. */
  readonly findings: readonly Verdict[];
  readonly ledger: Ledger;
  /** Of ferry. */
  readonly version: string;
  /** The secret that keys are hashed with, where the plan names one; only the first time counts. */
  readonly salt?: Uint8Array | undefined;
  /** That the ledger was rebuilt: said before anything else, once. */
  readonly recovery?: LeafOf<'recovery'> | undefined;
}

/** Objects in one transaction. */
const PAGE = 2_000;

/**
 * Brings the log up to what the ledger knows: everything that is new or has changed since becomes a leaf, in an order that depends on the
 * ledger's contents alone. Called under the lock of the state directory; may be called again after any stop.
 */
export function gather(work: GatherWork): void {
  const { plan, ledger } = work;
  const salt = ledger.log.salt(work.salt);
  const { recovery } = work;
  if (recovery !== undefined && ledger.log.size === 0) sayAll(ledger, [{ subject: 'recovery', leaf: recovery }]);
  sayAll(ledger, others(work));
  sayAccess(ledger);
  sayAll(ledger, [...egress(ledger), ...testimony(ledger)]);
  for (const was of ledger.log.dropped())
    ledger.log.append([{ text: leafText({ type: 'dropped', was }), dropped: was }]);
  for (let after = 0; ; ) {
    const page = ledger.log.unlogged(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) break;
    ledger.log.append(page.map((one) => objectLeaf(plan, ledger, salt, one)));
    after = last.row.id;
  }
  sayAll(ledger, [{ subject: 'tally', leaf: tally(ledger) }]);
}

interface Saying {
  /** What the leaf is of. */
  readonly subject: string;
  readonly leaf: OtherLeaf;
}

/** Says what was not said yet. */
function sayAll(ledger: Ledger, sayings: readonly Saying[]): void {
  const leaves: NewLeaf[] = [];
  for (const { subject, leaf } of sayings) {
    const text = leafText(leaf);
    const digest = sha256Hex(text);
    if (ledger.log.said(subject) !== digest) leaves.push({ text, said: { subject, digest } });
  }
  ledger.log.append(leaves);
}

/** The plan and what it was judged by; seals and approvals; what is known of stores. */
function others({ plan, findings, ledger, version }: GatherWork): Saying[] {
  return [
    { subject: 'plan', leaf: planLeaf(plan, findings, version) },
    ...ledger.seals.all().map(({ digest, text }) => ({ subject: `seal/${digest}`, leaf: seal(plan, digest, text) })),
    ...ledger.seals.counted().map(({ digest, what, seal: of, envelope, at }) => ({
      subject: `approval/${digest}/${what}`,
      leaf: { type: 'approval' as const, at: time(at), envelope, seal: of, what },
    })),
    ...sources(plan).flatMap((source) => inventory(ledger, source)),
    ...Object.keys(plan.stores).flatMap((store) => observed(ledger, store)),
    ...ledger.probes.all().map(({ at, ...probe }) => ({
      subject: `probe/${probe.store}/${probe.capability}`,
      leaf: { type: 'probe' as const, at: time(at), ...probe },
    })),
  ];
}

function planLeaf(plan: Plan, findings: readonly Verdict[], version: string): LeafOf<'plan'> {
  return {
    type: 'plan',
    digest: plan.digest,
    document: plan.document as Record<string, never>,
    findings: findings.map(({ rule, severity, subject, message }) => ({ rule, severity, subject, message })),
    name: plan.name,
    tool: { name: 'ferry', version },
  };
}

/** A sealed plan without its findings, which may show keys. */
function seal(plan: Plan, digest: string, text: string): LeafOf<'seal'> {
  const sealed = parseSealed(text, 'the ledger');
  return {
    type: 'seal',
    approvers: sealed.approvers.map(({ name, jurisdiction, key }) => {
      return { name, jurisdiction, key: key.openssh, keyid: key.id };
    }),
    digest,
    inventories: sealed.inventories.map(({ bytes, digest: chain, objects, source }) => {
      return { bytes, digest: chain, objects, source };
    }),
    plan: sealed.plan.digest,
    planName: sealed.plan.name,
    revoked: [...revokedIn(plan, sealed)].sort(),
  };
}

function inventory(ledger: Ledger, source: string): Saying[] {
  const state = ledger.inventory.state(source);
  if (state?.complete !== true) return [];
  const sum = ({ objects, bytes }: { objects: number; bytes: number }) => ({ objects, bytes });
  const leaf: LeafOf<'inventory'> = {
    type: 'inventory',
    begun: state.begunAt === undefined ? undefined : time(state.begunAt),
    digest: state.chain,
    excluded: sum(state.excluded),
    listed: sum(state.listed),
    pass: state.pass,
    source,
    unassigned: sum(state.unassigned),
  };
  return [{ subject: `inventory/${source}`, leaf }];
}

function observed(ledger: Ledger, store: string): Saying[] {
  const seen = ledger.reach.observed(store);
  if (seen === undefined) return [];
  const { host, addresses, region, pin, observedAt } = seen;
  const leaf: LeafOf<'observed'> = {
    type: 'observed',
    addresses: [...addresses],
    at: time(observedAt),
    host,
    pin,
    region,
    store,
  };
  return [{ subject: `observed/${store}`, leaf }];
}

/** Rows are only added, so that the last one that was said is all to remember. */
function sayAccess(ledger: Ledger): void {
  const leaves: NewLeaf[] = [];
  for (const { id, number, at, began, ended } of ledger.access.rows(Number(ledger.log.said('access') ?? 0))) {
    const leaf: LeafOf<'access'> = {
      type: 'access',
      at: time(at),
      event: began === undefined ? 'end' : 'begin',
      invocation: number,
      ...(began === undefined ? { outcome: ended } : { ...began, partitions: [...began.partitions] }),
    };
    leaves.push({ text: leafText(leaf), said: { subject: 'access', digest: String(id) } });
  }
  ledger.log.append(leaves);
}

function egress(ledger: Ledger): Saying[] {
  return ledger.reach.all().map(({ number, reached }) => ({
    subject: `egress/${number}`,
    leaf: { type: 'egress' as const, invocation: number, reached: reached.map((row) => ({ ...row })) },
  }));
}

function testimony(ledger: Ledger): Saying[] {
  return ledger.log.testimony().map(({ id, at, kind, text }) => ({
    subject: `testimony/${id}`,
    leaf:
      kind === 'audit'
        ? { type: 'audit' as const, at: time(at), envelope: text }
        : { type: 'scan' as const, at: time(at), ...(JSON.parse(text) as Pick<LeafOf<'scan'>, 'stores'>) },
  }));
}

function objectLeaf(plan: Plan, ledger: Ledger, secret: Buffer, { row, source, centre, was }: Unlogged): NewLeaf {
  const { tombstone, purge, verified } = row;
  const isBucket = (store: string): boolean => plan.stores[store]?.type === 's3';
  const states = ledger.history.of(row.id);
  const leaf: ObjectLeaf = {
    type: 'object',
    partition: row.partition,
    source,
    // After a recovery it may not be known.
    sourceVersion: isBucket(source) && row.revision !== '' ? row.revision : undefined,
    key: keyDigest(saltOf(secret, source, row.key), row.key),
    size: row.size,
    sha256: row.sha256,
    centre,
    centreVersion: isBucket(centre) ? row.centreRevision : undefined,
    outcome: row.state as OutcomeName,
    history: states.length === 0 ? undefined : { digest: historyDigest(states), states: states.length },
    verified: verified && { at: time(verified.at), how: verified.how },
    tombstone: tombstone && { at: time(tombstone.at), holdUntil: time(tombstone.holdUntil) },
    purge: purge && { ...purge, at: time(purge.at) },
    integrity: row.integrity ? true : undefined,
    was,
  };
  return { text: objectText(leaf), object: row.id };
}

/** Hex SHA-256 over the canonical list of an object's states, oldest first. */
function historyDigest(states: readonly VersionRecord[]): string {
  const list = states.map(({ centreVersion, marker, sha256, size, sourceVersion }) => {
    return { centreVersion, marker, sha256, size, sourceVersion };
  });
  return digestOf(list as unknown as Json).replace(/^sha256:/, '');
}

function tally(ledger: Ledger): LeafOf<'tally'> {
  let planned = 0;
  const partitions = ledger.queries.tallies().map(({ partition, objects, bytes, states }) => {
    planned += states.planned;
    const { planned: _, ...outcomes } = states;
    return { bytes, name: partition, objects, outcomes: nonZero(outcomes) };
  });
  return { type: 'tally', partitions, planned };
}

function nonZero(counts: Readonly<Record<OutcomeName, number>>): Partial<Record<OutcomeName, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** RFC 3339 in UTC. */
function time(at: number): string {
  return new Date(at).toISOString();
}
