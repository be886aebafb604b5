import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { bundleWorkflowCode } from '@temporalio/worker';

/**
 * The code of the workflows as the worker wants it. Making it takes seconds, so that it is kept in `~/.cache/ferry/workflows` under a digest
 * of what it is made of.
 */
export async function workflowBundle(
  bundle: typeof bundleWorkflowCode,
): Promise<{ readonly codePath: string } | { readonly code: string }> {
  const source = fileURLToPath(
    new URL(`./workflows${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
  );
  const kept = join(cacheFolder(), `${digestOf(source)}.js`);
  if (existsSync(kept)) return { codePath: kept };
  const quiet = (): void => undefined;
  const logger = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
  const made = await bundle({ workflowsPath: source, logger });
  try {
    mkdirSync(cacheFolder(), { recursive: true, mode: 0o700 });
    const draft = `${kept}.${randomUUID()}`;
    writeFileSync(draft, made.code, { mode: 0o600 });
    renameSync(draft, kept);
  } catch {
    // Then it is made again next time.
  }
  return { code: made.code };
}

function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ferry', 'workflows');
}

function digestOf(source: string): string {
  const packageJson = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  return createHash('sha256').update(readFileSync(source)).update(readFileSync(packageJson)).digest('hex');
}
