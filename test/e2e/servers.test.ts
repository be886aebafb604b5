import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { planDocument } from '../support/plan.ts';
import { startMoto } from '../support/servers/moto.ts';
import { getOutside, listOutside } from '../support/servers/outside.ts';
import {
  bucketAt,
  clientOf,
  envOf,
  type OwnServer,
  type S3Server,
  START_MS,
  storeAt,
} from '../support/servers/server.ts';
import { startVersitygw } from '../support/servers/versitygw.ts';
import { tempDir } from '../support/temp.ts';

interface Outcome {
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

let moto: OwnServer | undefined;
let versitygw: OwnServer | undefined;
beforeAll(async () => {
  moto = await startMoto();
  versitygw = await startVersitygw();
}, START_MS);
afterAll(async () => {
  await moto?.stop();
  await versitygw?.stop();
});

function up(server: OwnServer | undefined): OwnServer {
  if (server === undefined) throw new Error('the server did not start');
  return server;
}

/** A bucket with these objects in it, whose bodies are their keys. */
async function bucketWith(server: S3Server, keys: readonly string[], versioned = false): Promise<string> {
  const bucket = await bucketAt(server, versioned);
  const client = clientOf(server);
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `of ${Key}` }));
  client.destroy();
  return bucket;
}

async function migrate(from: object, to: object, servers: readonly S3Server[], more: object): Promise<Ended> {
  const file = join(tempDir(), 'plan.json');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }];
  const stores = { legacy: from, centre: to };
  writeFileSync(file, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], ...more }));
  return await ferry(['run', file, '--json', '--progress', 'none'], envOf(...servers));
}

async function bodies(server: S3Server, bucket: string): Promise<Record<string, string>> {
  const client = clientOf(server);
  const found: Record<string, string> = {};
  for (const key of await listOutside(client, bucket)) found[key] = (await getOutside(client, bucket, key)).body;
  client.destroy();
  return found;
}

describe('a server that ignores what it is told (moto)', () => {
  const keys = ['a', 'b/c'];
  const untouched = { a: 'of a', 'b/c': 'of b/c' };

  for (const versioned of [false, true]) {
    it(`is not emptied, since it would overwrite what is newer (versioned: ${versioned})`, async () => {
      const [from, to] = [await bucketWith(up(moto), keys, versioned), await bucketAt(up(moto))];
      const legacy = storeAt(up(moto), from, 'SG');
      const ended = await migrate(legacy, storeAt(up(moto), to, 'NO'), [up(moto)], { finish: 'tombstoned' });
      expect(ended.code, ended.stderr).toBe(3);
      expect(ended.stderr).toContain('the server replaces an object although it has changed (PUT with If-Match)');
      expect(await bodies(up(moto), from)).toEqual(untouched);
      expect(await bodies(up(moto), to)).toEqual({});
    });
  }

  it('is not believed what it attests, but what is read back', async () => {
    const [from, to] = [await bucketWith(up(moto), keys), await bucketAt(up(moto))];
    const [legacy, centre] = [storeAt(up(moto), from, 'SG'), storeAt(up(moto), to, 'NO')];
    const attested = await migrate(legacy, centre, [up(moto)], { finish: 'verified', verify: 'attested' });
    expect(attested.code, attested.stderr).toBe(3);
    expect(attested.stderr).toContain('its word for a SHA-256 proves nothing');
    expect(attested.stderr).toContain('use verify: readback');
    expect(await bodies(up(moto), to)).toEqual({});
    const read = await migrate(legacy, centre, [up(moto)], { finish: 'verified' });
    expect(read.code, read.stderr).toBe(0);
    expect(await bodies(up(moto), to)).toEqual(untouched);
  });
});

describe('versitygw', () => {
  for (const versioned of [false, true]) {
    it(`is emptied, and attests what it holds (versioned: ${versioned})`, async () => {
      const server = up(versitygw);
      const [from, to] = [await bucketWith(server, ['a', 'b/c'], versioned), await bucketAt(server, versioned)];
      const more = { finish: 'tombstoned', verify: 'attested' };
      const ended = await migrate(storeAt(server, from, 'SG'), storeAt(server, to, 'NO'), [server], more);
      expect(ended.code, ended.stderr).toBe(0);
      expect(documentOf<Outcome>(ended).totals.states).toMatchObject({ tombstoned: 2 });
      expect(await bodies(server, to)).toEqual({ a: 'of a', 'b/c': 'of b/c' });
    });
  }

  it('as a source, is told to hold keys that its listings cannot carry', async () => {
    const server = up(versitygw);
    const from = await bucketWith(server, ['a\u0001', 'a\u0002', 'b']);
    const centre = { type: 'file', path: './centre', jurisdiction: 'NO', keys: 'escape' };
    const more = { finish: 'verified', accept: ['contentType'] };
    const ended = await migrate(storeAt(server, from, 'SG'), centre, [server], more);
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<Outcome>(ended);
    expect(totals).toMatchObject({ objects: 3, states: { verified: 1, failed: 2, gone: 0 } });
    for (const { key, reason } of unresolved) {
      expect(key).toContain('a\uFFFD');
      expect(reason).toContain('does not encode keys in listings');
    }
  });

  it('takes streams whose chunks come small', async () => {
    const server = up(versitygw);
    const from = await bucketAt(up(moto));
    const client = clientOf(up(moto));
    const Body = Buffer.alloc(6 * 1024 ** 2, 'stream ');
    await client.send(new PutObjectCommand({ Bucket: from, Key: 'film', Body }));
    client.destroy();
    const to = await bucketAt(server);
    const legacy = storeAt(up(moto), from, 'SG');
    const servers = [up(moto), server];
    const ended = await migrate(legacy, storeAt(server, to, 'NO'), servers, { finish: 'verified' });
    expect(ended.code, ended.stderr).toBe(0);
    expect(Buffer.from((await bodies(server, to))['film'] ?? '').equals(Body)).toBe(true);
  });
});
