import { readFileSync } from 'node:fs';
import { parsePublicKey } from '../../src/base/ed25519.ts';
import { FerryError, messageOf } from '../../src/base/errors.ts';
import { checkBundle } from '../../src/engine/evidence/check.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { readManifest } from '../../src/plan/manifest.ts';

/** Reads things in a process of its own, and tells how that ended and how much memory it took: `{texts, mib}`. */
const [what = '', key = '', ...paths] = process.argv.slice(2);

async function work(path: string): Promise<string> {
  if (what === 'bundle') await checkBundle({ folder: path, key: parsePublicKey(readFileSync(key, 'utf8')) });
  else if (what === 'plan') return JSON.stringify((await loadPlan(path, {})).ok);
  else for await (const _ of readManifest({ path, format: 'ndjson' }));
  return 'good';
}

const texts: string[] = [];
for (const path of paths) {
  const text = await work(path).catch((error: unknown) => {
    if (!(error instanceof FerryError)) throw error;
    return messageOf(error);
  });
  texts.push(text);
}
process.stdout.write(JSON.stringify({ texts, mib: Math.round(process.resourceUsage().maxRSS / 1024) }));
