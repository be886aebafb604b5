import type { Plan } from '../plan/types.ts';
import { countriesOf } from './zone.ts';

/** One verdict on a plan. An `error` refuses every command that would act on it; a `warning` is told. */
export interface Finding {
  /** Id of the rule, or of the kind of finding. */
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  /** Path in the plan: `stores.hamar.jurisdiction`. */
  readonly subject: string;
  readonly message: string;
}

/** A residency rule: what it refuses and how an operator mends it. */
interface Rule {
  readonly id: string;
  readonly check: (plan: Plan, zone: ReadonlySet<string>) => readonly Finding[];
}

const RULES: readonly Rule[] = [
  { id: 'R001', check: centresInsideZone },
  { id: 'R002', check: nothingLeavesZone },
  { id: 'R003', check: runnerInsideZone },
];

/** What the plan's own declarations say about where its data may be. No network, no ledger. */
export function judgeResidency(plan: Plan): readonly Finding[] {
  const zone = countriesOf(plan.residency.zone);
  return RULES.flatMap((rule) => rule.check(plan, zone));
}

function centresInsideZone(plan: Plan, zone: ReadonlySet<string>): readonly Finding[] {
  const centres = new Set(plan.partitions.map((partition) => partition.to));
  return [...centres].flatMap((name) => {
    const jurisdiction = plan.stores[name]?.jurisdiction ?? '';
    if (zone.has(jurisdiction)) return [];
    return [
      refusal(
        'R001',
        `stores.${name}.jurisdiction`,
        `centre ${name} is in ${jurisdiction}, outside the residency zone ${zoneText(plan)}; ` +
          'name a centre inside the zone, or widen residency.zone if the law allows it',
      ),
    ];
  });
}

function nothingLeavesZone(plan: Plan, zone: ReadonlySet<string>): readonly Finding[] {
  return plan.partitions.flatMap((partition, index) => {
    const from = plan.stores[partition.from]?.jurisdiction ?? '';
    const to = plan.stores[partition.to]?.jurisdiction ?? '';
    if (!zone.has(from) || zone.has(to)) return [];
    return [
      refusal(
        'R002',
        `partitions[${index}].to`,
        `partition ${partition.name} would copy data out of the zone ${zoneText(plan)}, from ${from} to ${to}; choose a centre inside the zone`,
      ),
    ];
  });
}

function runnerInsideZone(plan: Plan, zone: ReadonlySet<string>): readonly Finding[] {
  if (plan.runner === undefined) {
    return [
      {
        rule: 'R003',
        severity: 'warning',
        subject: 'runner',
        message: 'the plan does not say where ferry runs; its bytes pass through there: add runner.jurisdiction',
      },
    ];
  }
  if (zone.has(plan.runner.jurisdiction)) return [];
  return [
    refusal(
      'R003',
      'runner.jurisdiction',
      `ferry would run in ${plan.runner.jurisdiction}, outside the residency zone ${zoneText(plan)}, and every byte passes through it; run it inside the zone`,
    ),
  ];
}

function refusal(rule: string, subject: string, message: string): Finding {
  return { rule, severity: 'error', subject, message };
}

function zoneText(plan: Plan): string {
  return `[${plan.residency.zone.join(', ')}]`;
}
