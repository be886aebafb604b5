import { GetObjectLockConfigurationCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { lockAt, type ObjectLock } from '../object-lock.ts';
import { type CallOptions, StoreError } from '../store.ts';
import { type Bucket, http } from './bucket.ts';

/** What answers tell of a lock; AWS leaves out what the asker may not read. */
export interface LockOutput {
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
  readonly ObjectLockLegalHoldStatus?: string | undefined;
}

export type LockInput = Pick<
  PutObjectCommandInput,
  'ObjectLockMode' | 'ObjectLockRetainUntilDate' | 'ObjectLockLegalHoldStatus'
>;

export function lockOf(output: LockOutput): ObjectLock | undefined {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } = output;
  const retention = mode === undefined || until === undefined ? undefined : { mode, untilMs: until.getTime() };
  const legalHold = output.ObjectLockLegalHoldStatus === 'ON';
  if (retention === undefined && !legalHold) return undefined;
  return { ...(retention && { retention }), ...(legalHold && { legalHold }) };
}

/** A date that has passed is left out: servers refuse it, and it would keep nothing. */
export function lockInput(lock: ObjectLock | undefined, now: number): LockInput {
  const { retention, legalHold } = lockAt(lock, now) ?? {};
  return {
    ...(retention && {
      ObjectLockMode: retention.mode as NonNullable<PutObjectCommandInput['ObjectLockMode']>,
      ObjectLockRetainUntilDate: new Date(retention.untilMs),
    }),
    ...(legalHold && { ObjectLockLegalHoldStatus: 'ON' }),
  };
}

/** Whether the bucket has object lock; `undefined` where the server will not say. */
export async function hasObjectLock(bucket: Bucket, options: CallOptions): Promise<boolean | undefined> {
  try {
    const command = new GetObjectLockConfigurationCommand({ Bucket: bucket.name });
    const output = await bucket.send('open', undefined, () => bucket.client.send(command, http(options)));
    return output.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled';
  } catch (error) {
    if (!(error instanceof StoreError) || error.passing) throw error;
    // A bucket without a lock has no configuration (`absent`); a server may not know the question at all.
    return error.kind === 'denied' ? undefined : false;
  }
}
