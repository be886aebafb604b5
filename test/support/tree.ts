import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** All files below a folder: path to SHA-256 of the bytes. Ferry's own folders are left out unless asked for. */
export function digestsIn(dir: string, own = false): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (folder: string): void => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      if (!own && folder === dir && (name === '.ferry-tmp' || name === '.ferry-held')) continue;
      if (lstatSync(path).isDirectory()) walk(path);
      else found[relative(dir, path)] = createHash('sha256').update(readFileSync(path)).digest('hex');
    }
  };
  if (existsSync(dir)) walk(dir);
  return found;
}

/** Everything that `ls` could tell of a tree, so that "nothing changed" means nothing. */
export function factsIn(dir: string): string[] {
  const facts: string[] = [];
  const walk = (folder: string): void => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      const { ino, mode, size, mtimeMs, ctimeMs } = lstatSync(path);
      facts.push([relative(dir, path), ino, mode, size, mtimeMs, ctimeMs].join(' '));
      if (lstatSync(path).isDirectory()) walk(path);
    }
  };
  if (existsSync(dir)) walk(dir);
  return facts;
}

export function writeTree(dir: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [key, data] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, key)), { recursive: true });
    writeFileSync(join(dir, key), data);
  }
}
