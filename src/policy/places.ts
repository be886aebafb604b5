import { type Breach, type Case, refusal } from './finding.ts';

/** Checks of where bytes lie, pass through, and can be decrypted. */

export function centresInsideZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  return centresOf(plan).flatMap((name) => {
    const jurisdiction = plan.stores[name]?.jurisdiction ?? '';
    if (zone.has(jurisdiction)) return [];
    const what = `centre ${name} is in ${jurisdiction}, outside the residency zone ${zoneText}`;
    return [refusal(`stores.${name}.jurisdiction`, what)];
  });
}

export function controlInsideZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  if (plan.control === undefined) return [];
  const jurisdiction = plan.stores[plan.control]?.jurisdiction ?? '';
  if (zone.has(jurisdiction)) return [];
  const what = `the control store ${plan.control} is in ${jurisdiction}, outside the residency zone ${zoneText}`;
  return [refusal(`stores.${plan.control}.jurisdiction`, what)];
}

export function nothingLeavesZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  return plan.partitions.flatMap((partition, index) => {
    const from = plan.stores[partition.from]?.jurisdiction ?? '';
    const to = plan.stores[partition.to]?.jurisdiction ?? '';
    if (!zone.has(from) || zone.has(to)) return [];
    const what = `partition ${partition.name} would copy data out of the zone ${zoneText}, from ${from} to ${to}`;
    return [refusal(`partitions[${index}].to`, what)];
  });
}

export function runnerInsideZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  if (plan.runner === undefined) {
    const what = 'the plan does not say where ferry runs; its bytes pass through there';
    return [{ severity: 'warning', subject: 'runner', what, mend: 'add runner.jurisdiction' }];
  }
  const { jurisdiction } = plan.runner;
  if (zone.has(jurisdiction)) return [];
  const what = `ferry would run in ${jurisdiction}, outside the residency zone ${zoneText}, and every byte passes through it`;
  return [refusal('runner.jurisdiction', what)];
}

/** Left out, whoever keeps the store keeps its keys, and R001 has judged the store. */
export function keyHoldersInsideZone({ plan, zone, zoneText }: Case): readonly Breach[] {
  return centresOf(plan).flatMap((name) => {
    const store = plan.stores[name];
    const holder = store?.type === 's3' ? store.keyHolder : undefined;
    if (holder === undefined || zone.has(holder)) return [];
    const what = `the keys of centre ${name} are held in ${holder}, outside the residency zone ${zoneText}: whoever holds them can read what is stored`;
    return [refusal(`stores.${name}.encryption.keyHolder`, what)];
  });
}

/** Bytes that a source keeps for the time of the hold come back from there; with `keep: centre` they come out of the centre. */
export function restoresStayInside({ plan, zone, zoneText }: Case): readonly Breach[] {
  if (plan.finish !== 'tombstoned' || plan.tombstone.keep !== 'centre') return [];
  const outside = sourcesOf(plan).filter((name) => !zone.has(plan.stores[name]?.jurisdiction ?? ''));
  if (outside.length === 0) return [];
  const what = `a restore would copy from the centres back to ${outside.join(', ')}, outside the zone ${zoneText}`;
  return [{ severity: 'warning', subject: 'tombstone.keep', what }];
}

function centresOf(plan: Case['plan']): readonly string[] {
  return [...new Set(plan.partitions.map(({ to }) => to))];
}

function sourcesOf(plan: Case['plan']): readonly string[] {
  return [...new Set(plan.partitions.map(({ from }) => from))];
}
