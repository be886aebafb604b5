/**
 * What keeps a version of an object from being deleted (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html). A
 * retention whose date has passed keeps nothing: it counts as none.
 */
export interface ObjectLock {
  readonly retention?: Retention;
  readonly legalHold?: true;
}

export interface Retention {
  /** `GOVERNANCE`, which some may lift, or `COMPLIANCE`, which nobody may. */
  readonly mode: string;
  /** Until when, in milliseconds since 1970. */
  readonly untilMs: number;
}

/** What of a lock still holds at a time; `undefined` where nothing does. */
export function lockAt(lock: ObjectLock | undefined, now: number): ObjectLock | undefined {
  const retention = lock?.retention !== undefined && lock.retention.untilMs > now ? lock.retention : undefined;
  if (retention === undefined && lock?.legalHold !== true) return undefined;
  return { ...(retention && { retention }), ...(lock?.legalHold && { legalHold: true }) };
}

/** Whether `found` protects at least as much, and at least as long, as `wanted`. */
export function protects(found: ObjectLock | undefined, wanted: ObjectLock): boolean {
  if (wanted.legalHold === true && found?.legalHold !== true) return false;
  if (wanted.retention === undefined) return true;
  const { mode, untilMs } = wanted.retention;
  const there = found?.retention;
  if (there === undefined || (there.mode !== mode && there.mode !== 'COMPLIANCE')) return false;
  // Not every server keeps fractions of a second.
  return Math.floor(there.untilMs / 1000) >= Math.floor(untilMs / 1000);
}

/** For people: `COMPLIANCE until 2030-01-01T00:00:00.000Z, legal hold`. */
export function showLock({ retention, legalHold }: ObjectLock): string {
  const kept = retention && `${retention.mode} until ${new Date(retention.untilMs).toISOString()}`;
  return [kept, legalHold && 'legal hold'].filter((part) => part !== undefined).join(', ');
}
