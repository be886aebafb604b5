import { resolve } from 'node:path';
import { type Ed25519PublicKey, parsePublicKey } from '../../base/ed25519.ts';
import { readPublicKey } from '../../base/key-file.ts';
import { whyUnreadable } from '../../base/private-file.ts';
import { itemsOf, type Path, valueAt } from '../path.ts';
import type { Places, Report } from '../report.ts';

/**
 * Who may approve: each name and each key stands for one approver, and keys can be read.
 *
 * @param folder that relative paths start from.
 */
export function checkTrust(root: unknown, folder: string, places: Places, report: Report): void {
  const approvers = itemsOf(valueAt(root, ['approvers']));
  const names = new Map<string, Path>();
  const keys = new Map<string, Path>();
  for (const [i, approver] of approvers.entries()) {
    const namePath = ['approvers', i, 'name'];
    const name = valueAt(approver, ['name']);
    if (typeof name === 'string')
      once(names, name.toLowerCase(), namePath, 'two approvers have one name', places, report);
    const keyPath = ['approvers', i, 'key'];
    const key = keyAt(valueAt(approver, ['key']), keyPath, folder, report);
    if (key !== undefined) once(keys, key.id, keyPath, 'two approvers have one key', places, report);
  }
}

function once(
  seen: Map<string, Path>,
  value: string,
  path: Path,
  message: string,
  places: Places,
  report: Report,
): void {
  const before = seen.get(value);
  if (before === undefined) seen.set(value, path);
  else report.add(path, `${message}; the first is in line ${places.at(before).line}`);
}

function keyAt(value: unknown, path: Path, folder: string, report: Report): Ed25519PublicKey | undefined {
  // What is no key by its form is told by the schema.
  const isNone = typeof value !== 'string' || value === '' || value.includes('\0') || /PRIVATE KEY/.test(value);
  if (isNone || (/^(ssh|ecdsa)-/.test(value) && !value.startsWith('ssh-ed25519 ')) || report.silenced(path)) return;
  try {
    return value.startsWith('ssh-') ? parsePublicKey(value) : readPublicKey(resolve(folder, value));
  } catch (error) {
    const where = value.startsWith('ssh-') ? '' : '; paths are relative to the plan file';
    report.add(path, `the public key cannot be used: ${whyUnreadable(error)}${where}`);
    return undefined;
  }
}
