import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import { keepSecret, keepSecretsOf, withoutSecrets } from '../../src/base/secrets.ts';
import { makeLog } from '../../src/cli/log.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { tempDir } from '../support/temp.ts';

/** What one record is in the log file. */
function logged(record: object, text = 'told'): string {
  const file = join(tempDir(), 'log');
  makeLog({ logFile: file, logLevel: 'trace' }).info(record, text);
  return readFileSync(file, 'utf8');
}

const NAMES = [
  'secretAccessKey',
  'secret_access_key',
  'sessionToken',
  'x-amz-security-token',
  'Authorization',
  'password',
  'apiKey',
  'privateKey',
  'x-amz-server-side-encryption-customer-key',
];

describe('the log', () => {
  it.each(NAMES)('has nothing that stands under %s, at any depth', (name) => {
    for (let depth = 0; depth < 30; depth += 1) {
      let record: object = { [name]: 'the planted value', beside: 'seen' };
      for (let i = 0; i < depth; i += 1) record = i % 3 === 0 ? { list: [record] } : { within: record };
      const line = logged(record);
      expect(line).not.toContain('planted');
      if (depth < 4) expect(line).toContain('seen');
    }
  });

  it('has nothing of it in errors, their causes and the members that an SDK gives them', () => {
    const request = { headers: { authorization: 'planted 1', 'x-amz-security-token': ['planted 2'] } };
    const cause = Object.assign(new Error('the cause'), { $response: { request } });
    const line = logged({ err: new Error('what failed', { cause }) });
    expect(line).not.toContain('planted');
    expect(JSON.parse(line)).toMatchObject({ err: { message: 'what failed', cause: { message: 'the cause' } } });
  });

  it('ends at a circle, at a great depth and at a great breadth', () => {
    const circle: Record<string, unknown> = { name: 'circle' };
    circle['again'] = circle;
    let deep: object = {};
    for (let i = 0; i < 20_000; i += 1) deep = { deep };
    const broad = Array.from({ length: 1_000_000 }, (_, i) => ({ i }));
    for (const record of [circle, { deep }, { broad }]) {
      const line = logged(record);
      expect(line.length).toBeLessThan(100_000);
      expect(JSON.parse(line)).toMatchObject({ msg: 'told' });
    }
  });

  it('tells of bytes how many they are', () => {
    expect(JSON.parse(logged({ body: Buffer.from('planted'), other: new Uint8Array(3) }))).toMatchObject({
      body: '[7 bytes]',
      other: '[3 bytes]',
    });
  });
});

describe('a known secret', () => {
  it('is taken out in every form and wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 12, maxLength: 60 }).filter((text) => text.trim() === text),
        fc.string({ maxLength: 5 }),
        fc.string({ maxLength: 5 }),
        (secret, before, after) => {
          keepSecret(secret);
          const bytes = Buffer.from(secret);
          for (const form of [secret, bytes.toString('hex'), bytes.toString('base64url'), encodeURIComponent(secret)])
            expect(withoutSecrets(`<${before}>${form}<${after}>`)).not.toContain(form);
          // Inside of something that is base64 as a whole, all but the characters it shares with its neighbours.
          const inner = Buffer.from(`${before}${secret}${after}`).toString('base64');
          const at = Buffer.byteLength(before);
          const own = inner.slice(Math.ceil((at * 8) / 6), Math.floor(((at + bytes.byteLength) * 8) / 6));
          expect(withoutSecrets(inner)).not.toContain(own);
          expect(withoutSecrets(JSON.stringify({ a: { b: `x${secret}x` } }))).not.toContain(
            JSON.stringify(secret).slice(1, -1),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is taken out of log records, of errors and of what a server says', () => {
    keepSecretsOf({ TEMPORAL_API_KEY: 'the-key-of-temporal', HOME: '/home/of-someone', SHORT_TOKEN: 'abc' });
    const said = 'the server says the-key-of-temporal to abc in /home/of-someone';
    const heard = 'the server says [redacted] to abc in /home/of-someone';
    expect(JSON.parse(logged({ key: { of: [said] } }, said))).toMatchObject({ key: { of: [heard] }, msg: heard });
    expect(new StoreError({ kind: 'other', store: 's', op: 'read', why: said })).toMatchObject({
      why: heard,
      message: `s: read: ${heard}`,
    });
    const told = new FerryError({ fault: 'usage', op: 'try', subject: 'it', why: said, hint: 'none' });
    expect(told.message).toBe(`cannot try: it: ${heard}`);
  });

  it('is forgotten once many others have been told since, so that none of this grows', () => {
    keepSecret('the-oldest-of-all');
    for (let i = 0; i < 70; i += 1) keepSecret(`a-later-secret-${i}`);
    expect(withoutSecrets('the-oldest-of-all a-later-secret-69')).toBe('the-oldest-of-all [redacted]');
  });
});
