import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { messageOf } from './errors.ts';

/** Far more than any bundle of authorities, so that a wrong file does not fill the memory. */
const LARGEST = 4 * 1024 ** 2;

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM file (RFC 7468), each as a PEM text of its own; what stands between them is passed over.
 *
 * @throws Error whose message says in a few words why there are none; it repeats nothing of the file.
 */
export function readCertificates(file: string): readonly string[] {
  let text: string;
  try {
    const { size } = whole(file);
    if (size > LARGEST) throw new Error('it is too large for a file of certificates');
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(whyUnreadable(error), { cause: error });
  }
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new Error('it holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----")');
  for (const [at, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new Error(`certificate ${at + 1} in it cannot be read`, { cause: error });
    }
  }
  return blocks;
}

function whole(file: string): { readonly size: number } {
  const facts = statSync(file);
  if (!facts.isFile()) throw new Error('it is not a file');
  return facts;
}

function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  return code === 'EACCES' || code === 'EPERM' ? 'permission denied' : messageOf(error);
}
