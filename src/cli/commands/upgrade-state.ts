import { takeLock } from '../../ledger/lock.ts';
import { type Upgrade, upgradeLedger, upgradeOf } from '../../ledger/upgrade.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan } from '../session.ts';

export interface UpgradeOptions extends GlobalOptions {
  readonly dryRun?: boolean;
}

/** `ferry upgrade-state PLAN`: brings an older ledger to this version, after a copy of it was made. `--dry-run` only tells. */
export async function upgradeState(file: string, options: UpgradeOptions, io: Io): Promise<Verdict> {
  const { stateDir } = await openPlan(file, options, io);
  // Before the lock, which would make the directory.
  const found = upgradeOf(stateDir);
  if (options.dryRun === true || found.missing.length === 0) return tell(found, false, io);
  const lock = takeLock(stateDir, 'upgrade-state');
  try {
    return tell(await upgradeLedger(stateDir, new Date()), true, io);
  } finally {
    lock.release();
  }
}

function tell({ file, from, to, missing, backup }: Upgrade, done: boolean, io: Io): Verdict {
  io.document({ ledger: file, from, to, migrations: missing, backup: backup ?? null, upgraded: done });
  if (missing.length === 0) io.print(`${file}: version ${to}, which is this ferry’s; nothing to do`);
  else {
    io.print(`${file}: from version ${from} to ${to}${done ? '' : ' (dry run, nothing was changed)'}`);
    for (const name of missing) io.print(`  ${name}`);
    if (backup !== undefined) io.print(`as it was: ${backup}`);
  }
  return 'done';
}
