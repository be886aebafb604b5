import { isSecretName, REDACTED } from '../base/secrets.ts';

/** Deeper than anything that is logged. */
const DEEPEST = 12;

/** Values in one record; a reply of the SDK with its sockets has tens of thousands. */
const MOST = 2_000;

/** What no configuration has but requests do (RFC 9110, sections 11.6.2 and 11.7.1; S3's SSE-C). */
const OF_REQUESTS = /(authorization|cookie|customerkey|salt)$/;

const WHERE_MORE_IS = '[…]';

/**
 * A log record without what stands under a secret's name, at whatever depth. Bounded in depth and size, and by no circle detained; errors
 * keep type, message and stack beside their own members; bytes are told by their number alone, since they may be a key.
 */
export function withoutSecretNames(record: Record<string, unknown>): Record<string, unknown> {
  return plainMembers(record, { left: MOST, above: [record] });
}

interface Walk {
  left: number;
  /** What the value stands in. */
  readonly above: object[];
}

function plain(value: unknown, walk: Walk): unknown {
  if (typeof value === 'function') return undefined;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  walk.left -= 1;
  if (walk.left < 0 || walk.above.length >= DEEPEST || walk.above.includes(value)) return WHERE_MORE_IS;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  walk.above.push(value);
  try {
    if (Array.isArray(value)) return plainItems(value, walk);
    if (value instanceof Error) return plainError(value, walk);
    return plainMembers(value, walk);
  } finally {
    walk.above.pop();
  }
}

function plainItems(items: readonly unknown[], walk: Walk): unknown[] {
  const some: unknown[] = [];
  for (const item of items) {
    if (walk.left <= 0) return [...some, WHERE_MORE_IS];
    walk.left -= 1;
    some.push(plain(item, walk));
  }
  return some;
}

function plainMembers(value: object, walk: Walk): Record<string, unknown> {
  const members: [string, unknown][] = [];
  for (const name of Object.keys(value)) {
    if (walk.left <= 0) break;
    walk.left -= 1;
    members.push([name, isSecret(name) ? REDACTED : plain((value as Record<string, unknown>)[name], walk)]);
  }
  return Object.fromEntries(members);
}

function plainError(error: Error, walk: Walk): Record<string, unknown> {
  const cause = error.cause === undefined ? {} : { cause: plain(error.cause, walk) };
  return {
    ...plainMembers(error, walk),
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...cause,
  };
}

function isSecret(name: string): boolean {
  return isSecretName(name) || OF_REQUESTS.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}
