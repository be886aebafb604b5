import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { readCertificates } from '../../base/certificates.ts';
import { messageOf } from '../../base/errors.ts';
import { isLoopback, plainHost } from '../../base/networks.ts';
import { entriesOf, type Path, valueAt } from '../path.ts';
import type { Report } from '../report.ts';

/**
 * How requests get to a bucket: off the loopback over https alone, keys always so; exactly one place to find a key, and a certificate authority that is there.
 *
 * @param folder that relative paths start from.
 */
export function checkTransport(root: unknown, folder: string, report: Report): void {
  for (const [name, store] of entriesOf(valueAt(root, ['stores']))) {
    if (valueAt(store, ['type']) !== 's3') continue;
    const path = ['stores', name];
    const endpoint = valueAt(store, ['endpoint']);
    const isPlain = typeof endpoint === 'string' && /^http:\/\//i.test(endpoint);
    if (valueAt(store, ['encryption', 'type']) === 'SSE-C') {
      checkKey(store, [...path, 'encryption'], report);
      if (isPlain)
        report.add(
          [...path, 'endpoint'],
          'the encryption SSE-C needs an https:// endpoint: its key goes along with each request, and servers take it over https only',
        );
    } else if (isPlain && offLoopback(endpoint))
      report.add(
        [...path, 'endpoint'],
        'TLS is required off the loopback: expected https://; http:// is for 127.0.0.1, [::1] and localhost alone',
      );
    if (isPlain && valueAt(store, ['pin']) !== undefined)
      report.add([...path, 'pin'], '"pin" means nothing for an http:// endpoint; use https:// or remove it', 'key');
    checkAuthority(store, [...path, 'ca'], folder, isPlain, report);
  }
}

/** As far as the text tells: a name without a dot may be one of the hosts file, and is judged by its address when it is resolved. */
function offLoopback(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const host = plainHost(new URL(endpoint).hostname);
  if (isIP(host) !== 0) return !isLoopback(host);
  return host.includes('.') && !host.endsWith('.localhost');
}

function checkKey(store: unknown, path: Path, report: Report): void {
  const given = ['keyEnv', 'keyFile'].filter((field) => valueAt(store, ['encryption', field]) !== undefined);
  if (given.length === 0)
    report.add(path, 'SSE-C needs "keyEnv" (the name of an environment variable) or "keyFile" (a path)');
  if (given.length === 2)
    report.add(
      [...path, 'keyFile'],
      '"keyFile" cannot stand beside "keyEnv"; name one place that holds the key',
      'key',
    );
}

function checkAuthority(store: unknown, path: Path, folder: string, isPlain: boolean, report: Report): void {
  const file = valueAt(store, ['ca']);
  if (typeof file !== 'string' || file === '' || file.includes('\0') || report.silenced(path)) return;
  if (isPlain) report.add(path, '"ca" means nothing for an http:// endpoint; use https:// or remove it', 'key');
  try {
    readCertificates(resolve(folder, file));
  } catch (error) {
    report.add(path, `the certificates cannot be used: ${messageOf(error)}; paths are relative to the plan file`);
  }
}
