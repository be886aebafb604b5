import { FerryError } from '../base/errors.ts';
import { SHARD_OBJECTS } from '../engine/segment/send-out.ts';
import { TemporalClient } from '../engine/temporal/client.ts';
import { TemporalHome } from '../engine/temporal/home.ts';
import type { Finish, Plan } from '../plan/types.ts';
import { makeStore } from '../store/open-store.ts';
import type { Io } from './io.ts';
import { operatorOf } from './operator.ts';
import { retryPolicy, type Session } from './session.ts';
import { type TemporalOptions, temporalServer } from './temporal-options.ts';

/** What a run on workers has open beside the plan's stores. */
export interface Shared extends AsyncDisposable {
  at(
    session: Session,
    asked: { readonly until: Finish; readonly partitions: ReadonlySet<string> | undefined },
  ): TemporalHome;
}

/** Of a shard's lease, in milliseconds. */
const TTL_MS = 30_000;

const SHARDS_AT_ONCE = 4;

/** Connects to the server and opens the control store, before anything is touched. @throws FerryError. */
export async function openShared(
  plan: Plan,
  options: TemporalOptions & { readonly shardsAtOnce?: string },
  io: Io,
): Promise<Shared> {
  const spec = plan.stores[plan.control ?? ''];
  if (spec === undefined) throw noControl(plan);
  const shardsAtOnce = numberOf('--shards-at-once', options.shardsAtOnce, SHARDS_AT_ONCE, 10_000);
  const shardObjects = numberOf('FERRY_SHARD_OBJECTS', io.env['FERRY_SHARD_OBJECTS'], SHARD_OBJECTS, SHARD_OBJECTS);
  const ttlMs = numberOf('FERRY_LEASE_MS', io.env['FERRY_LEASE_MS'], TTL_MS, 3_600_000);
  const server = temporalServer(options, io);
  const client = await TemporalClient.connect(server);
  const control = await makeStore(spec, io.env);
  return {
    at: ({ ledger, limits }, asked) =>
      new TemporalHome({
        ...{ plan, ledger, stateDir: ledger.stateDir, control, client, server, ...asked },
        ...{ operator: operatorOf(plan, io.env), shardsAtOnce, shardObjects, ttlMs },
        ...{ limits, retry: retryPolicy(io), stop: io.stop, abort: io.abort, tell: io.tell },
        open: async () => await control.open({ create: true, signal: io.abort }),
      }),
    [Symbol.asyncDispose]: async () => {
      await control.close();
      await client[Symbol.asyncDispose]();
    },
  };
}

/** @throws FerryError `usage`. */
export function numberOf(name: string, text: string | undefined, left: number, most: number): number {
  if (text === undefined) return left;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new FerryError({
    fault: 'usage',
    op: 'share the work among workers',
    subject: `${name} ${text}`,
    why: 'it is out of range',
    hint: `give a whole number from 1 to ${most}`,
  });
}

function noControl({ name }: Plan): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'share the work among workers',
    subject: `plan ${name}`,
    why: 'it names no control store, through which workers share what they know',
    hint: 'add a store of type s3 or file inside the zone, and `control: ITS-NAME` (docs/scale.md)',
    field: 'control',
  });
}
