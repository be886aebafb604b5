import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';

/** A file system of the running test's own, in memory, that can get full. */
export interface SmallDisk {
  readonly dir: string;
  /** Takes all room that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  /** As `mount -o remount,…` takes it: `ro`, `rw`, `size=64m`. */
  remount(options: string): void;
}

/** Leaves the test out, and says so, where nothing may be mounted. @param size as tmpfs takes it: `4m`. */
export function smallDisk(context: TestContext, size: string): SmallDisk {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'ferry-disk-')));
  const mount = (...args: readonly string[]): void => void execFileSync('mount', args, { stdio: 'pipe' });
  try {
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'ferry-test', dir);
  } catch (error) {
    rmSync(dir, { recursive: true });
    context.skip(`nothing may be mounted here: ${String(error)}`);
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true });
  });
  const filler = join(dir, 'filler');
  return {
    dir,
    fill: () => {
      mkdirSync(filler);
      for (const step of [65_536, 4_096]) fillBy(filler, step);
    },
    free: () => rmSync(filler, { recursive: true }),
    remount: (options) => mount('-o', `remount,${options}`, dir),
  };
}

function fillBy(dir: string, step: number): void {
  for (let n = 0; statfsSync(dir).bavail * statfsSync(dir).bsize >= step; n += 1)
    writeFileSync(join(dir, `${step}-${n}`), Buffer.alloc(step));
}
