import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { closest } from '../closest.ts';
import { entriesOf, isMapping, itemsOf, type Path, valueAt } from '../path.ts';
import { compilePattern, PatternSyntaxError } from '../pattern.ts';
import type { Report } from '../report.ts';
import { parseShard } from '../shard.ts';
import { quote } from '../show.ts';

/** Patterns, the captures that `where` and `shard` name, and manifests, of partitions and excludes. */
export function checkSelectors(root: unknown, folder: string, report: Report): void {
  const selectors: Path[] = [
    ...[...itemsOf(valueAt(root, ['partitions'])).keys()].map((i): Path => ['partitions', i, 'select']),
    ...[...itemsOf(valueAt(root, ['exclude'])).keys()].map((i): Path => ['exclude', i]),
  ];
  for (const path of selectors) {
    const selector = valueAt(root, path);
    checkPattern(selector, path, report);
    checkManifest(selector, path, folder, report);
  }
}

function checkPattern(selector: unknown, path: Path, report: Report): void {
  const source = valueAt(selector, ['pattern']);
  const shard = checkShard(selector, path, report);
  if (typeof source !== 'string' || source === '' || report.silenced([...path, 'pattern'])) return;
  let captures: readonly string[];
  try {
    captures = compilePattern(source).captures;
  } catch (error) {
    if (!(error instanceof PatternSyntaxError)) throw error;
    report.add([...path, 'pattern'], error.message);
    return;
  }
  const there = captures.length === 0 ? 'it has none' : `it has ${captures.map((name) => `{${name}}`).join(', ')}`;
  const lacking = (name: string) => {
    const meant = closest(name, captures);
    return `the pattern has no capture of the name ${quote(name)}; ${meant === undefined ? there : `did you mean "${meant}"?`}`;
  };
  for (const [name] of entriesOf(valueAt(selector, ['where']))) {
    if (!captures.includes(name)) report.add([...path, 'where', name], lacking(name), 'key');
  }
  if (shard !== undefined && !captures.includes(shard)) report.add([...path, 'shard'], lacking(shard));
}

/** @returns the capture that the shard is of. */
function checkShard(selector: unknown, path: Path, report: Report): string | undefined {
  const text = valueAt(selector, ['shard']);
  if (typeof text !== 'string' || text === '') return undefined;
  const shard = parseShard(text);
  if (typeof shard !== 'string') return shard.capture;
  report.add([...path, 'shard'], `this is no shard: ${shard}`);
  return undefined;
}

function checkManifest(selector: unknown, path: Path, folder: string, report: Report): void {
  const manifest = valueAt(selector, ['manifest']);
  const at = isMapping(manifest) ? [...path, 'manifest', 'path'] : [...path, 'manifest'];
  const file = isMapping(manifest) ? manifest['path'] : manifest;
  if (typeof file !== 'string' || file === '' || file.includes('\0') || report.silenced(at)) return;
  try {
    if (!statSync(resolve(folder, file)).isFile())
      report.add(at, 'the manifest is not a file; expected a file that lists keys');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    const why = missing
      ? 'there is no such manifest; paths are relative to the plan file'
      : `the manifest cannot be looked at (${code})`;
    report.add(at, why);
  }
}
