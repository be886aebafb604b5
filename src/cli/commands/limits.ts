import { FerryError } from '../../base/errors.ts';
import {
  type OrderedLimits,
  readOrdered,
  readWorking,
  type Working,
  watchControl,
  writeOrdered,
} from '../../ledger/control.ts';
import { limitsAt } from '../../plan/limits-at.ts';
import { formatBytes, parseBandwidth, parseRequestRate } from '../../plan/units.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsDocument } from '../live-limits.ts';
import { operatorOf } from '../operator.ts';
import { type Opened, openPlan, withRecord } from '../session.ts';
import { table } from '../table.ts';

export interface LimitsOptions extends GlobalOptions {
  readonly bandwidth?: string;
  readonly requests?: string;
  readonly concurrency?: string;
  readonly clear?: boolean;
}

/** How long a process at work is given to say that it has taken what was ordered. */
const TAKEN_WITHIN_MS = 3_000;

/** `ferry limits PLAN`: tells the limits that hold, and changes them for the process at work and for later ones. */
export async function limitsCommand(file: string, options: LimitsOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const asked = askedOf(options);
  const changes = options.clear === true || Object.keys(asked).length > 0;
  return await withRecord('limits', opened, io, async (): Promise<Verdict> => {
    if (changes) order(opened, options.clear === true, asked, io);
    const working = readWorking(opened.stateDir);
    const taken = changes && working !== undefined ? await isTaken(opened.stateDir) : undefined;
    const document = limitsNow(opened);
    io.document({ plan: opened.plan.name, ...document, ...(taken === undefined ? {} : { taken }) });
    io.print(render(document));
    if (changes) io.print(`\n${sentence(working, taken)}`);
    return 'done';
  });
}

type Asked = Omit<OrderedLimits, 'by' | 'at'>;

function order({ plan, stateDir }: Opened, clear: boolean, asked: Asked, io: Io): void {
  if (Object.keys(asked).length === 0) {
    writeOrdered(stateDir, undefined);
    return;
  }
  const before = clear ? undefined : readOrdered(stateDir);
  const [by, at] = [operatorOf(plan, io.env), new Date().toISOString()];
  writeOrdered(stateDir, { ...before, ...asked, by, at });
}

/** The limits that hold now, and where they come from: as the process at work says, else as the next one would find them. */
export function limitsNow({ plan, stateDir }: Pick<Opened, 'plan' | 'stateDir'>) {
  const ordered = readOrdered(stateDir);
  const working = readWorking(stateDir);
  const { limits, ordered: _, ...running } = working ?? { limits: undefined, ordered: undefined };
  const held = (limits ?? limitsDocument(limitsAt(plan.limits, Date.now(), ordered))) as ReturnType<
    typeof limitsDocument
  >;
  return { ...held, operator: ordered ?? null, running: working === undefined ? null : running };
}

/** Waits until the process at work says that it goes by what is ordered now. @returns whether it did in time. */
async function isTaken(stateDir: string): Promise<boolean> {
  const ordered = JSON.stringify(readOrdered(stateDir) ?? null);
  const done = (): boolean => JSON.stringify(readWorking(stateDir)?.['ordered'] ?? null) === ordered;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), TAKEN_WITHIN_MS);
  using _watch = watchControl(stateDir, 'working', () => {
    if (done()) resolve(true);
  });
  if (done()) resolve(true);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function sentence(working: Working | undefined, taken: boolean | undefined): string {
  if (working === undefined) return 'Nothing is at work on this plan; the next command that is goes by these limits.';
  const who = `process ${working.pid} (ferry ${String(working['command'])})`;
  if (taken === true) return `The ${who} goes by these limits now.`;
  return `The ${who} has not said yet that it goes by these limits; it reads them within a minute.`;
}

function render({
  bandwidth,
  requests,
  concurrency,
  minConcurrency,
  window,
  operator,
}: ReturnType<typeof limitsNow>): string {
  const rows = [
    ['bandwidth', bandwidth.value === null ? 'none' : `${formatBytes(bandwidth.value)}/s`, bandwidth.from],
    ['requests', requests.value === null ? 'none' : `${requests.value}/s`, requests.from],
    ['concurrency', String(concurrency.value), concurrency.from],
    ['minConcurrency', String(minConcurrency.value), minConcurrency.from],
  ];
  const lines = [table(['limit', 'value', 'from'], rows)];
  if (window !== null) lines.push(`It is the time of limits.windows[${window}].`);
  if (operator !== null)
    lines.push(`Set by ${operator.by} at ${operator.at}; \`ferry limits PLAN --clear\` ends that.`);
  return lines.join('\n');
}

function askedOf({ bandwidth, requests, concurrency }: LimitsOptions): Asked {
  return {
    ...(bandwidth === undefined ? {} : { bandwidth: rateOf('bandwidth', bandwidth, parseBandwidth, '10MiB/s') }),
    ...(requests === undefined ? {} : { requests: rateOf('requests', requests, parseRequestRate, '100/s') }),
    ...(concurrency === undefined ? {} : { concurrency: widthOf(concurrency) }),
  };
}

function rateOf(
  name: string,
  text: string,
  parse: (text: string) => number | undefined,
  example: string,
): number | null {
  if (text === 'none') return null;
  // A plain number of requests can only be meant in one way.
  const rate = parse(name === 'requests' && /^\d+$/.test(text) ? `${text}/s` : text);
  if (rate !== undefined && rate > 0) return rate;
  throw wrong(`--${name} ${text}`, 'it is no rate above zero', `give one such as ${example}, or none`);
}

function widthOf(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 1024) return value;
  throw wrong(`--concurrency ${text}`, 'it is out of range', 'give a whole number from 1 to 1024');
}

function wrong(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'set limits', subject, why, hint });
}
