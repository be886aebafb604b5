import { systemClock } from '../../base/clock.ts';
import { examineStores } from '../../engine/doctor.ts';
import type { ExaminedStore } from '../../engine/examined.ts';
import { closeStores, makeStores } from '../../engine/stores.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { takeLock } from '../../ledger/lock.ts';
import { recorded } from '../access.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { callOf, holdsCopies, type Opened, openPlan, retryPolicy, routingOf } from '../session.ts';
import { table } from '../table.ts';

/** `ferry doctor PLAN`: tries what each store does and what the credentials may. Changes nothing but probe objects, which are removed. */
export async function doctorCommand(file: string, options: GlobalOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const lock = takeLock(opened.stateDir, 'doctor');
  try {
    const ledger = Ledger.open(opened.stateDir);
    try {
      return await recorded(ledger, callOf('doctor', opened), io, () => examined(opened, ledger, io));
    } finally {
      ledger.close();
    }
  } finally {
    lock.release();
  }
}

async function examined({ plan, stateDir }: Opened, ledger: Ledger, io: Io): Promise<Verdict> {
  const retry = retryPolicy(io);
  const made = await makeStores(plan, { env: io.env, retry, limits: limitsOf({ plan, stateDir }) });
  try {
    ledger.bind(routingOf(plan, made));
    io.tell(`puts a probe object in ${Object.keys(plan.stores).join(', ')} and removes it; nothing else is changed`);
    const stores = await examineStores({
      plan,
      ledger,
      stores: made,
      makes: (name) => isNewCentre(plan, name) && !holdsCopies(plan, ledger, name),
      retry,
      clock: systemClock,
      leftBehind: (store, key) => io.tell(`left behind at ${store}, remove it by hand: ${JSON.stringify(key)}`),
      signal: io.abort,
      stop: io.stop,
    });
    io.document({ plan: plan.name, stores });
    io.print(stores.map(render).join('\n\n'));
    if (stores.some(({ lacking }) => lacking)) return 'refused';
    return stores.some(({ unreachable }) => unreachable) ? 'unreachable' : 'done';
  } finally {
    await closeStores(made);
  }
}

/** Only of these would a run make the folder. */
function isNewCentre({ partitions }: Opened['plan'], name: string): boolean {
  return partitions.every(({ from }) => from !== name);
}

function observedLine({ host, addresses, region, pin, observedAt }: NonNullable<ExaminedStore['observed']>): string {
  const facts = [`host ${host}`, `addresses ${addresses.join(', ')}`, `region ${region ?? 'not told'}`];
  if (pin !== undefined) facts.push(`pin ${pin}`);
  return `observed ${observedAt}: ${facts.join('; ')}`;
}

function render({
  name,
  role,
  location,
  capabilities,
  ok,
  unreachable,
  written,
  left,
  observed,
}: ExaminedStore): string {
  const rows = capabilities.map(({ id, result, needed, detail, warning }) => [
    id,
    warning === true ? `${result} (!)` : result,
    needed ? 'needed' : '',
    detail,
  ]);
  const verdict = ok ? 'all that the plan needs is there' : unreachable ? 'out of reach' : 'not all that is needed';
  const lines = [
    `${name} (${role}), ${location}: ${verdict}`,
    table(['capability', 'result', 'needed', 'detail'], rows),
    ...capabilities.flatMap(({ id, fix }) => (fix === undefined ? [] : [`mend ${id}: ${fix}`])),
  ];
  if (written && left.length === 0) lines.push('probe objects were written there and removed');
  if (!written) lines.push('nothing was written there');
  if (observed !== undefined) lines.push(observedLine(observed));
  return lines.join('\n');
}
