import type { ExaminedStore, FoundCapability } from '../engine/examined.ts';
import { CAPABILITIES } from '../migration/capabilities.ts';
import type { Plan } from '../plan/types.ts';
import { probeRights } from '../policy/probe-rights.ts';
import { table } from './table.ts';

/** What `doctor` found, for people: a table of all checks at all stores, then for each store what is wrong and how to mend it. */
export function doctorText(plan: Plan, stores: readonly ExaminedStore[]): string {
  const parts = [matrix(stores), LEGEND, '', ...stores.map((store) => `${storeText(plan, store)}\n`)];
  const isMended = stores.some(({ capabilities }) => capabilities.some(({ fix }) => fix !== undefined));
  if (isMended && stores.some(({ name }) => plan.stores[name]?.type === 's3'))
    parts.push('ferry policy iam PLAN prints all rights that a role needs at each bucket');
  return parts.join('\n').trimEnd();
}

const LEGEND =
  'NO, UNKNOWN: the plan needs it there; (!): doubtful; -: not of this kind of store; --json has every detail';

function matrix(stores: readonly ExaminedStore[]): string {
  const rows = CAPABILITIES.map(({ id }) => [
    id,
    ...stores.map(({ capabilities }) => cell(capabilities.find((one) => one.id === id))),
  ]);
  const asked = rows.filter((row) => row.slice(1).some((found) => found !== '-'));
  return table(['check', ...stores.map(({ name }) => name)], asked);
}

function cell(found: FoundCapability | undefined): string {
  if (found === undefined) return '-';
  const { result, needed, warning } = found;
  if (result === 'yes') return warning === true ? 'yes (!)' : 'yes';
  return needed ? result.toUpperCase() : result;
}

function storeText(plan: Plan, store: ExaminedStore): string {
  const { name, role, location, ok, unreachable, written, left, observed } = store;
  const verdict = ok ? 'all that the plan needs is there' : unreachable ? 'out of reach' : 'not all that is needed';
  const lines = [`${name} (${role}), ${location}: ${verdict}`];
  for (const found of store.capabilities) lines.push(...mending(plan, name, found));
  if (written && left.length === 0) lines.push('probe objects were written there and removed');
  if (!written) lines.push('nothing was written there');
  if (observed !== undefined) lines.push(observedLine(observed));
  return lines.join('\n');
}

function mending(plan: Plan, name: string, found: FoundCapability): readonly string[] {
  const { id, detail, fix, result } = found;
  // Needed and out of reach has no fix of its own, and is still told.
  if (fix === undefined && !(found.needed && result === 'no')) return [];
  const spec = plan.stores[name];
  const rights = spec?.type === 's3' && result !== 'yes' ? probeRights(spec, id) : undefined;
  return [
    `${id}: ${cell(found)}: ${detail}`,
    ...(fix === undefined ? [] : [`mend ${id}: ${fix}`]),
    ...(rights === undefined ? [] : [`  rights it takes: ${rights.actions.join(', ')} on ${rights.resource}`]),
  ];
}

function observedLine({ host, addresses, region, pin, observedAt }: NonNullable<ExaminedStore['observed']>): string {
  const facts = [`host ${host}`, `addresses ${addresses.join(', ')}`, `region ${region ?? 'not told'}`];
  if (pin !== undefined) facts.push(`pin ${pin}`);
  return `observed ${observedAt}: ${facts.join('; ')}`;
}
