import { messageOf } from '../../base/errors.ts';
import { StoreError, type StoreErrorKind } from '../store.ts';

const KINDS: Readonly<Record<string, StoreErrorKind>> = {
  ENOENT: 'absent',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'transient',
  ESTALE: 'transient',
  EAGAIN: 'transient',
  EBUSY: 'transient',
  ETIMEDOUT: 'transient',
  EMFILE: 'throttled',
  ENFILE: 'throttled',
  ENOTDIR: 'key',
  EISDIR: 'key',
  ENAMETOOLONG: 'key',
  ELOOP: 'key',
  ENOTCONN: 'unreachable',
  EHOSTDOWN: 'unreachable',
};

const WHY: Readonly<Record<string, string>> = {
  ENOTDIR: 'a part of its path is a file: a file system cannot hold a key below another key',
  EISDIR: 'there is a folder of that name: a file system cannot hold a key beside keys below it',
  ELOOP: 'it is a symbolic link, which ferry does not follow',
};

/** A system error (https://nodejs.org/api/errors.html#nodejs-error-codes) as a `StoreError`; others pass unchanged. */
export function asStoreError(
  error: unknown,
  at: { readonly store: string; readonly op: string; readonly key?: string },
): unknown {
  const code = codeOf(error);
  if (error instanceof StoreError || code === undefined) return error;
  return new StoreError({ ...at, kind: KINDS[code] ?? 'other', why: WHY[code] ?? messageOf(error), cause: error });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : undefined;
}
