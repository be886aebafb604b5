import { randomInt } from 'node:crypto';
import type { Destination } from '../../base/egress.ts';
import { FerryError } from '../../base/errors.ts';
import { formatBytes } from '../../plan/units.ts';
import { rehearse } from '../../rehearsal/rehearse.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan } from '../session.ts';

const LOOPBACK: readonly Destination[] = ['127.0.0.1', '::1', 'localhost'].map((host) => ({
  host,
  port: 'any',
  loopback: true,
}));

export interface RehearseOptions extends GlobalOptions {
  readonly users: string;
  readonly kills: string;
  readonly seed?: string;
}

/** `ferry rehearse PLAN`: the plan on throw-away stores, killed at random, checked byte for byte. Touches no store of the plan. */
export async function rehearseCommand(file: string, options: RehearseOptions, io: Io): Promise<Verdict> {
  const { plan } = await openPlan(file, options, io);
  // Its servers are throw-away ones on free ports.
  io.egress.allow(undefined, LOOPBACK);
  const result = await rehearse(plan, {
    users: whole('--users', options.users, 100_000),
    kills: whole('--kills', options.kills, 10_000),
    seed: options.seed === undefined ? randomInt(2 ** 31) : whole('--seed', options.seed, 2 ** 31),
    tell: io.tell,
    signal: io.stop,
  });
  io.document({ plan: plan.name, ...result });
  for (const problem of result.problems) io.print(`  ${problem}`);
  const facts = `${result.objects} objects, ${formatBytes(result.bytes)}, ${result.kills} kills, seed ${result.seed}`;
  io.print(`rehearsal of ${plan.name}: ${result.verdict} (${facts})`);
  return result.verdict === 'pass' ? 'done' : 'integrity';
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new FerryError({
    fault: 'usage',
    op: 'rehearse',
    subject: `${option} ${text}`,
    why: `it is no whole number from 0 to ${most}`,
    hint: 'give a whole number',
  });
}
