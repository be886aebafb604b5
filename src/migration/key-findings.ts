import type { Ledger } from '../ledger/ledger.ts';
import type { Plan, StoreSpec } from '../plan/types.ts';
import { HAZARD_NAMES, HAZARD_RULES, type HazardRule } from './key-hazards.ts';
import { NEEDED } from './probe-keys.ts';
import type { PartitionSurvey, Survey } from './survey.ts';

export interface KeyFinding {
  readonly rule: HazardRule | 'hidden-keys';
  readonly severity: 'warning' | 'error';
  readonly subject: string;
  readonly message: string;
}

/**
 * What a dry run has to say of keys that a bucket may not keep apart. A dry run tries nothing on a store: what the ledger does not
 * know is unknown, and said to be.
 */
export function keyFindings(plan: Plan, found: Survey, ledger: Ledger | undefined): KeyFinding[] {
  return [
    ...found.partitions.flatMap((partition, index) => ofPartition(plan, partition, index, ledger)),
    ...Object.values(plan.stores).flatMap((store) => ofSource(plan, store, ledger)),
  ];
}

function ofPartition(plan: Plan, partition: PartitionSurvey, index: number, ledger: Ledger | undefined): KeyFinding[] {
  const { to, hazards, hazardSample } = partition;
  if (plan.stores[to]?.type !== 's3') return [];
  return HAZARD_RULES.flatMap((rule): KeyFinding[] => {
    const [count, sample] = [hazards[HAZARD_NAMES[rule]], hazardSample[HAZARD_NAMES[rule]]];
    const able = ledger?.probes.result(to, NEEDED[rule]);
    if (count === 0 || able === true) return [];
    const message = `${count} keys of ${partition.name} ${TELL[rule].what}, such as ${JSON.stringify(sample)}: ${fate(rule, to, able)}`;
    return [{ rule, severity: able === false ? 'error' : 'warning', subject: `partitions[${index}]`, message }];
  });
}

const TELL: Readonly<Record<HazardRule, { readonly what: string; readonly fault: string }>> = {
  'key-under-key': { what: 'lie under the key of another object', fault: 'hides such keys from its listings' },
  'leading-slash': { what: 'begin with a slash', fault: 'drops the slash' },
  'empty-segment': { what: 'have two slashes in a row', fault: 'refuses such keys or makes one slash of them' },
  'dot-segment': { what: 'have a segment "." or ".."', fault: 'refuses such keys or resolves them as paths' },
};

function fate(rule: HazardRule, to: string, able: boolean | undefined): string {
  const { fault } = TELL[rule];
  return able === false
    ? `${to} ${fault}, and \`run\` leaves them at the source as failed; send them to a store that keeps them, or exclude them`
    : `some servers do not keep them apart, and whether ${to} ${fault} is not known yet; \`run\` tries it first, and where it does, leaves them at the source as failed`;
}

function ofSource(plan: Plan, store: StoreSpec, ledger: Ledger | undefined): KeyFinding[] {
  if (store.type !== 's3') return [];
  const mine = plan.partitions.filter(({ from }) => from === store.name);
  // Where manifests name all there is, nothing depends on what a listing shows.
  if (mine.length === 0 || mine.every(({ select }) => select.by === 'manifest')) return [];
  const able = ledger?.probes.result(store.name, NEEDED['key-under-key']);
  if (able === true) return [];
  const fact =
    able === false
      ? `${store.name} hides a key under another object's key from every listing`
      : `it is not known whether ${store.name} lists keys under another object's key; some servers, MinIO among them, do not (\`ferry doctor\` finds out)`;
  const message = `${fact}; to be sure of all objects, name their keys in a manifest (docs/stores.md)`;
  return [{ rule: 'hidden-keys', severity: 'warning', subject: `stores.${store.name}`, message }];
}
