import { FerryError, messageOf } from '../../base/errors.ts';
import { StoreError, type StoreErrorKind } from '../store.ts';

/** Error codes of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), of MinIO and of versitygw. */
const CODES: Readonly<Record<string, StoreErrorKind>> = {
  NoSuchKey: 'absent',
  NotFound: 'absent',
  NoSuchVersion: 'absent',
  NoSuchUpload: 'absent',
  NoSuchBucket: 'missing',
  PreconditionFailed: 'precondition',
  ConditionalRequestConflict: 'transient',
  OperationAborted: 'transient',
  AccessDenied: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  // The credentials' source gives a fresh one at the next try.
  ExpiredToken: 'transient',
  InvalidToken: 'denied',
  // What versitygw says of a key that is not known (HTTP 404).
  XAdminUserNotFound: 'denied',
  RequestTimeTooSkewed: 'transient',
  RequestTimeout: 'transient',
  InternalError: 'transient',
  ServiceUnavailable: 'throttled',
  SlowDown: 'throttled',
  SlowDownRead: 'throttled',
  SlowDownWrite: 'throttled',
  TooManyRequests: 'throttled',
  BadDigest: 'digest',
  InvalidDigest: 'digest',
  XAmzContentSHA256Mismatch: 'digest',
  XAmzContentChecksumMismatch: 'digest',
  IncompleteBody: 'cut',
  KeyTooLongError: 'key',
  XMinioInvalidObjectName: 'key',
  XMinioInvalidResourceName: 'key',
  XMinioParentIsObject: 'key',
  XMinioObjectExistsAsDirectory: 'key',
  ObjectExistsAsDirectory: 'key',
  ObjectParentIsFile: 'key',
  ExistingObjectIsDirectory: 'key',
  DirectoryObjectContainsData: 'key',
  QuotaExceeded: 'full',
  XMinioStorageFull: 'full',
  // In GLACIER or DEEP_ARCHIVE, and not restored.
  InvalidObjectState: 'other',
  EntityTooLarge: 'unsupported',
  NotImplemented: 'unsupported',
};

const SYSTEM: Readonly<Record<string, StoreErrorKind>> = {
  ECONNREFUSED: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ECONNRESET: 'transient',
  EPIPE: 'transient',
  ETIMEDOUT: 'transient',
  // https://github.com/nodejs/undici/blob/main/docs/docs/api/Errors.md
  UND_ERR_SOCKET: 'transient',
  UND_ERR_CONNECT_TIMEOUT: 'transient',
  UND_ERR_HEADERS_TIMEOUT: 'transient',
  UND_ERR_BODY_TIMEOUT: 'transient',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'transient',
};

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes, and what Node itself finds. */
const CERTIFICATE =
  /CERT|CRL|^UNABLE_TO_(GET_ISSUER|VERIFY|DECODE)|^HOSTNAME_MISMATCH$|^PATH_LENGTH_EXCEEDED$|^INVALID_(CA|PURPOSE)$/;

const STATUSES: Readonly<Record<number, StoreErrorKind>> = {
  403: 'denied',
  404: 'absent',
  408: 'transient',
  409: 'transient',
  412: 'precondition',
  429: 'throttled',
  500: 'transient',
  502: 'transient',
  503: 'throttled',
  504: 'transient',
  507: 'full',
};

/** What the SDK threw, as a `StoreError`. Aborts and errors that are none of the store's pass unchanged. */
export function asStoreError(
  error: unknown,
  at: { readonly store: string; readonly op: string; readonly key?: string },
): unknown {
  if (!(error instanceof Error) || error instanceof StoreError || isAbort(error)) return error;
  // What the guard over connections, a pin or the sighting refused is final, however deep it lies.
  const refused = refusalIn(error);
  if (refused !== undefined) return refused;
  const kind = kindOf(error);
  if (kind === undefined) return error;
  const why = error.name === 'InvalidObjectState' ? archived(error, at.store) : whyOf(error);
  return new StoreError({ ...at, kind, why, cause: error });
}

/** A server may call its own error so. */
function isAbort(error: Error): boolean {
  return error.name === 'AbortError' && statusOf(error) === undefined;
}

function refusalIn(error: unknown, depth = 0): FerryError | undefined {
  if (error instanceof FerryError) return error;
  return error instanceof Error && depth < 8 ? refusalIn(error.cause, depth + 1) : undefined;
}

function kindOf(error: Error): StoreErrorKind | undefined {
  const byCode = entryOf(CODES, error.name) ?? entryOf(SYSTEM, systemCode(error) ?? '');
  if (byCode !== undefined) return byCode;
  if (isCertificateFault(error)) return 'untrusted';
  if (error.name === 'TimeoutError') return 'transient';
  // What came is no HTTP: https://github.com/nodejs/undici/blob/main/docs/docs/api/Errors.md
  if (error.name === 'HTTPParserError') return 'other';
  // The SDK found no credentials, or could not use them: no request was made.
  if (error.name === 'CredentialsProviderError') return 'denied';
  const status = statusOf(error);
  // What has a system code comes from the socket or from TLS: a certificate that is not trusted, an answer that is no HTTP.
  if (status === undefined) return systemCode(error) === undefined ? undefined : 'other';
  return STATUSES[status] ?? (status >= 500 ? 'transient' : 'other');
}

/** Names come from servers, which may say `constructor`. */
function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isCertificateFault(error: Error): boolean {
  return statusOf(error) === undefined && CERTIFICATE.test(systemCode(error) ?? '');
}

/** Of the answer that the SDK threw; `undefined` where none came. */
export function statusOf(error: Error): number | undefined {
  if (!('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null) return undefined;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
  return httpStatusCode;
}

/** The code of a socket's error, also where several addresses were tried. */
function systemCode(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError)
    return error.errors.map((one) => systemCode(one)).find((code) => code !== undefined);
  return error.cause instanceof Error ? systemCode(error.cause) : undefined;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: such an object has to be made readable by RestoreObject first. */
function archived(error: Error, store: string): string {
  const storageClass =
    'StorageClass' in error && typeof error.StorageClass === 'string' ? error.StorageClass : undefined;
  return `it is archived${storageClass === undefined ? '' : ` (${storageClass})`}: restore it at ${store} first`;
}

const NONSENSE = [TypeError, RangeError, SyntaxError, URIError];

/** What the SDK says of the answer of something that does not speak S3: a proxy, a web server that found no such page. */
const NOT_XML = /^@aws-sdk XML parse error/;

function whyOf(error: Error): string {
  const status = statusOf(error);
  // The SDK's own, over an answer that it cannot make sense of: its words are for programmers.
  if (status !== undefined && NONSENSE.some((kind) => error instanceof kind))
    return `the answer cannot be read as one of S3 (HTTP ${status})`;
  const code = systemCode(error);
  // The SDK's hints to programmers come on further lines.
  const message = messageOf(error).split('\n')[0] ?? '';
  const text = message === '' ? (code ?? error.name) : NOT_XML.test(message) ? 'the answer is no XML' : message;
  // Node goes on with a hint to its own options, which are not ferry's.
  if (isCertificateFault(error)) return `the server's certificate does not verify: ${text.split(';')[0]} (${code})`;
  return status === undefined ? text : `${error.name} (HTTP ${status}): ${text}`;
}
