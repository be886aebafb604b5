import { FerryError } from '../../base/errors.ts';
import { Ledger } from '../../ledger/ledger.ts';
import type { Plan, S3StoreSpec } from '../../plan/types.ts';
import { type PolicyFormat, policyFor, type Role } from '../../policy/iam.ts';
import { RULES } from '../../policy/rules.ts';
import { isMember, today, ZONES } from '../../policy/zone.ts';
import { accessDocument } from '../access.ts';
import { writeDocumentList } from '../document.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan, withRecord } from '../session.ts';
import { table } from '../table.ts';

export interface IamOptions extends GlobalOptions {
  readonly role: Role;
  readonly format: PolicyFormat;
  readonly store?: string;
}

/** `ferry policy list` and `ferry policy explain RULE`: what the residency rules are. */
export async function policyList(id: string | undefined, io: Io): Promise<Verdict> {
  const rules = RULES.filter((rule) => id === undefined || rule.id === id.toUpperCase());
  if (rules.length === 0) throw unknown('explain a rule', String(id), RULES.map((rule) => rule.id).join(', '));
  io.document({ rules: rules.map(({ check: _, ...rule }) => rule) });
  for (const { id: ruleId, title, reason, doesNotCover, mend } of rules)
    io.print(
      `${ruleId}  ${title}\n      why: ${reason}\n      does not cover: ${doesNotCover}\n      to mend: ${mend}`,
    );
  return 'done';
}

/** `ferry policy zone NAME`: who is a member of a built-in zone today, since when and by what. */
export async function policyZone(name: string, io: Io): Promise<Verdict> {
  const zone = ZONES.find((one) => one.name === name.toUpperCase());
  if (zone === undefined) throw unknown('show a zone', name, ZONES.map((one) => one.name).join(', '));
  const day = today();
  const members = zone.members
    .map((membership) => ({ ...membership, isMember: isMember(membership, day) }))
    .sort((a, b) => a.member.localeCompare(b.member));
  io.document({ ...zone, day, members });
  const rows = members.map(({ member, since, until = '', isMember: is, source, note = '' }) => {
    return [member, since, until, is ? '' : 'not a member', note === '' ? source : `${source}; ${note}`];
  });
  io.print(`${zone.name}: ${zone.title}, ${day}: ${members.filter((one) => one.isMember).length} members`);
  io.print(table(['country', 'since', 'until', '', 'source'], rows));
  io.print(`${zone.note}\n${zone.source}`);
  return 'done';
}

/** `ferry policy iam PLAN`: the least that a role needs at each bucket. Opens no connection. */
export async function policyIam(file: string, options: IamOptions, io: Io): Promise<Verdict> {
  const { plan } = await openPlan(file, options, io);
  const { role, format } = options;
  const policies = Object.fromEntries(
    bucketsOf(plan, options.store).map((store) => [store.name, policyFor(plan, store, role, format)]),
  );
  io.document({ plan: plan.name, digest: plan.digest, role, format, policies });
  const shown = options.store === undefined ? policies : policies[options.store];
  io.print(JSON.stringify(shown, undefined, 2));
  return 'done';
}

function bucketsOf(plan: Plan, wanted: string | undefined): readonly S3StoreSpec[] {
  const buckets = Object.values(plan.stores).filter((store) => store.type === 's3');
  if (wanted === undefined) return buckets;
  const found = buckets.filter(({ name }) => name === wanted);
  if (found.length === 0)
    throw unknown('write a policy', `--store ${wanted}`, buckets.map(({ name }) => name).join(', ') || 'no bucket');
  return found;
}

/** `ferry policy access PLAN`: who used the ledger, all of it. */
export async function policyAccess(file: string, options: GlobalOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withRecord<Verdict>('policy access', opened, io, async () => {
    const ledger = Ledger.read(opened.stateDir);
    try {
      const records = ledger?.access.all() ?? [];
      if (io.json) await writeDocumentList({ plan: opened.plan.name }, 'access', map(records, accessDocument));
      else for (const record of records) io.print(lineOf(accessDocument(record)));
      if (ledger === undefined) io.tell('No run of this plan has begun yet.');
      return 'done';
    } finally {
      ledger?.close();
    }
  });
}

function lineOf(access: ReturnType<typeof accessDocument>): string {
  const { beganAt, endedAt, outcome, command, operator, host, jurisdiction, partitions, version } = access;
  const end = endedAt === null ? 'no end recorded' : `${endedAt} ${outcome}`;
  const where = `${host}${jurisdiction === null ? '' : ` (${jurisdiction})`}`;
  return `${beganAt}  ${end}  ${command}  ${operator}  ${where}  ${partitions.join(',')}  ferry ${version}`;
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Generator<U> {
  for (const item of items) yield change(item);
}

function unknown(op: string, subject: string, there: string): FerryError {
  return new FerryError({ fault: 'usage', op, subject, why: 'there is no such thing', hint: `there is ${there}` });
}
