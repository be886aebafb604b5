import { systemClock } from '../../base/clock.ts';
import { examineStores } from '../../engine/doctor.ts';
import { closeStores, makeStores } from '../../engine/stores.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { takeLock } from '../../ledger/lock.ts';
import { recorded } from '../access.ts';
import { doctorText } from '../doctor-text.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { callOf, holdsCopies, type Opened, openPlan, retryPolicy, routingOf } from '../session.ts';

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
    io.print(doctorText(plan, stores));
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
