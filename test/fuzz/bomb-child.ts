import { readFileSync } from 'node:fs';
import { parsePublicKey } from '../../src/base/ed25519.ts';
import { FerryError, messageOf } from '../../src/base/errors.ts';
import { checkBundle } from '../../src/engine/evidence/check.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { readManifest } from '../../src/plan/manifest.ts';

/** Reads one thing in a process of its own, and tells how that ended and how much memory it took: `{text, mib}`. */
const [what = '', path = '', key = ''] = process.argv.slice(2);

async function work(): Promise<string> {
  if (what === 'bundle') await checkBundle({ folder: path, key: parsePublicKey(readFileSync(key, 'utf8')) });
  else if (what === 'plan') return JSON.stringify((await loadPlan(path, {})).ok);
  else for await (const _ of readManifest({ path, format: 'ndjson' }));
  return 'good';
}

const text = await work().catch((error: unknown) => {
  if (!(error instanceof FerryError)) throw error;
  return messageOf(error);
});
process.stdout.write(JSON.stringify({ text, mib: Math.round(process.resourceUsage().maxRSS / 1024) }));
