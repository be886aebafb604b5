import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The bytes of a small file, and a refusal where it is a private key that others may read, as ssh does with its keys. It looks at
 * the very file that it reads, and does not wait for the other end of a pipe.
 *
 * @param most bytes that are read; a longer file is an error.
 * @param isPrivate whether what was read must be its owner's alone.
 * @throws Error as node:fs does, and one that says what to do for a file that others have rights to.
 */
export function readSmallFile(file: string, most: number, isPrivate: (bytes: Buffer) => boolean): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new Error('it is not a file');
    const bytes = Buffer.alloc(most + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.byteLength; length += read) {
      read = readSync(fd, bytes, length, bytes.byteLength - length, null);
    }
    if (length > most) throw new Error(`it is longer than ${most} bytes`);
    const text = bytes.subarray(0, length);
    if (isPrivate(text) && (facts.mode & 0o077) !== 0) {
      const mode = (facts.mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`others than its owner have rights to it (mode ${mode}); set them with \`chmod 600\``);
    }
    return text;
  } finally {
    closeSync(fd);
  }
}

/** Why a file could not be read, in words for an operator. */
export function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}
