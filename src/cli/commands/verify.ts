import { checkCentres } from '../../engine/check.ts';
import { closeStores, openStores } from '../../engine/stores.ts';
import { Ledger } from '../../ledger/ledger.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { limitsOf } from '../live-limits.ts';
import { contextOf, type Opened, openPlan, retryPolicy, withRecord } from '../session.ts';

/** `ferry verify PLAN`: reads every migrated object at its centre again. Changes nothing. */
export async function verifyCommand(file: string, options: GlobalOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withRecord('verify', opened, io, () => verified(opened, io));
}

async function verified({ plan, stateDir }: Opened, io: Io): Promise<Verdict> {
  const ledger = Ledger.read(stateDir);
  if (ledger === undefined) {
    io.document({ plan: plan.name, checked: 0, ok: 0, mismatched: [], unverifiable: [] });
    io.print('Nothing to verify: no run of this plan has begun yet.');
    return 'done';
  }
  try {
    const stores = await openStores(plan, {
      env: io.env,
      retry: retryPolicy(io),
      missingCentre: () => 'refuse',
      sweep: false,
      limits: limitsOf({ plan, stateDir }),
      signal: io.abort,
    });
    try {
      const context = contextOf(plan, ledger, stores, io);
      const result = await checkCentres(context, ledger, retryPolicy(io), io.stop);
      io.document({ plan: plan.name, ...result });
      io.print(`checked ${result.checked} objects at their centres with verify: ${plan.verify}; ${result.ok} agree`);
      for (const { partition, key, reason } of [...result.mismatched, ...result.unverifiable]) {
        io.print(`  ${partition}  ${JSON.stringify(key)}: ${reason}`);
      }
      if (result.mismatched.length > 0) return 'integrity';
      return result.unverifiable.length > 0 ? 'unresolved' : 'done';
    } finally {
      await closeStores(stores);
    }
  } finally {
    ledger.close();
  }
}
