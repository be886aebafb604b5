import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Ended, ferry } from '../support/cli.ts';
import { planDocument } from '../support/plan.ts';
import { sshKey } from '../support/ssh.ts';
import { tempDir } from '../support/temp.ts';
import { startTlsMinio, type TlsMinio } from '../support/tls-minio.ts';

let server: TlsMinio;
beforeAll(async () => {
  server = await startTlsMinio();
}, 300_000);
afterAll(async () => await server.stop());

/** Everything that a secret could be, and where it is meant to be: nowhere else may it stand. */
interface Planted {
  readonly name: string;
  readonly bytes: Buffer;
  /** Files, as ends of their paths, in which it stands by right. */
  readonly home: readonly string[];
}

/** What a reader of any file could turn back into the secret. */
function formsOf(bytes: Buffer): Buffer[] {
  const texts = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
  const inner = [1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(2, Math.floor(((before + bytes.byteLength) * 8) / 6)),
  );
  return [bytes, ...[...texts, bytes.toString('hex').toUpperCase(), ...inner].map((text) => Buffer.from(text))];
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The body of a key file: what is between its first and last line. */
function bodyOf(file: string): Buffer[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n').slice(1, -1);
  // The first lines of OpenSSH's format are the same for all keys; the last ones hold the private half.
  return (lines.length > 1 ? lines.slice(2) : lines).map((line) => Buffer.from(line));
}

it('stands in nothing that ferry writes or says, whatever goes wrong', async () => {
  const dir = tempDir();
  const bucket = await server.newBucket();
  const centre = await server.newBucket();
  for (const Key of ['users/NO/a', 'users/NO/b'])
    await server.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `bytes of ${Key}` }));

  const random = (length = 24): string => randomBytes(length).toString('base64url');
  const [refused, sessionToken, ofProfile, apiKey, literal] = Array.from({ length: 5 }, () => random());
  const pasted = randomBytes(32).toString('base64');
  const customerKey = randomBytes(32);
  const salt = randomBytes(32);
  const put = (name: string, text: string | Uint8Array): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  put('customer.key', customerKey.toString('base64'));
  put('salt', salt.toString('hex'));
  const profiles = [
    `[ferry]\naws_access_key_id = ${server.accessKey}\naws_secret_access_key = ${server.secretKey}`,
    `[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = ${ofProfile}\naws_session_token = ${sessionToken}`,
  ];
  const credentials = put('aws-credentials', `${profiles.join('\n')}\n`);
  const approver = sshKey(dir, 'ann');
  const auditor = sshKey(dir, 'auditor');

  const at = (name: string, jurisdiction: string, more: object = {}) => ({
    type: 's3',
    endpoint: server.endpoint,
    ca: server.ca,
    region: 'us-east-1',
    bucket: name,
    jurisdiction,
    credentials: { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' },
    ...more,
  });
  const plan = (file: string, legacy: object, hamar: object, more: object = {}): string =>
    put(
      file,
      JSON.stringify({
        ...planDocument(),
        name: file.replace('.json', ''),
        stores: { legacy, hamar },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
        exclude: [],
        evidence: { saltFile: './salt' },
        ...more,
      }),
    );
  const sse = { encryption: { type: 'SSE-C', keyFile: './customer.key' } };
  const approvers = [{ name: 'ann', jurisdiction: 'IE', key: './ann.pub' }];
  const profile = (name: string) => ({ credentials: { profile: name } });
  const good = plan('good.json', at(bucket, 'SG'), at(centre, 'NO', { ...sse, ...profile('ferry') }), {
    approvers,
    tombstone: { hold: '0s', approvals: 1 },
  });
  const env = {
    ...server.env,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_CONFIG_FILE: join(dir, 'no-config'),
    FERRY_TEST_REFUSED: refused ?? '',
    FERRY_TEST_TOKEN: sessionToken ?? '',
    TEMPORAL_API_KEY: apiKey ?? '',
    FERRY_TEST_CUSTOMER: customerKey.toString('base64'),
  };
  const said: Ended[] = [];
  let calls = 0;
  /** Calls ferry with everything told: into the log file, or on standard error. */
  const call = async (code: number, ...args: string[]): Promise<void> => {
    const log = ['--log-level', 'trace', ...(calls++ % 3 === 2 ? [] : ['--log-file', join(dir, 'ferry.log')])];
    const ended = await ferry([...args, ...log, ...(calls % 2 === 0 ? [] : ['--json'])], env);
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).toBe(code);
    said.push(ended);
  };
  const out = (name: string): string => join(dir, name);

  // What is well goes its way to the end, with a ledger, a sealed plan, an approval, evidence and an audit.
  await call(0, 'plan', good, '--out', out('sealed.json'));
  await call(0, 'approve', out('sealed.json'), '--key', approver.file, '--yes');
  await call(0, 'run', good, '--sealed', out('sealed.json'), '--approval', out('sealed.json.ann.approval'));
  await call(0, 'run', good);
  await call(0, 'doctor', good);
  await call(0, 'evidence', 'export', good, '--out', out('bundle'));
  await call(0, 'audit', good, '--sample', '1', '--key', auditor.file, '--out', out('audit.json'));
  await call(0, 'status', good);
  await call(0, 'keygen', '--out', out('made'));

  // And what is not: other credentials, a token that nobody gave, a server that is none, a key that is another, secrets in the plan.
  const wrong = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_REFUSED' };
  const withToken = { ...wrong, sessionTokenEnv: 'FERRY_TEST_TOKEN' };
  const centreOk = at(centre, 'NO', { prefix: 'more/' });
  const failing: [number, string, object, object][] = [
    [75, 'refused.json', at(bucket, 'SG', { credentials: wrong }), centreOk],
    [75, 'token.json', at(bucket, 'SG', { credentials: withToken }), centreOk],
    [75, 'profile.json', at(bucket, 'SG', profile('other')), centreOk],
    [2, 'literal.json', at(bucket, 'SG', { credentials: { secretAccessKey: literal } }), centreOk],
    [2, 'pasted.json', at(bucket, 'SG', { encryption: { type: 'SSE-C', keyFile: pasted } }), centreOk],
  ];
  const failures = failing.map(([code, file, legacy, hamar]) => call(code, 'run', plan(file, legacy, hamar)));
  await Promise.all(failures);
  // Files that hold something else, or that others may read: named, and not repeated.
  chmodSync(out('customer.key'), 0o644);
  await call(2, 'run', good);
  chmodSync(out('customer.key'), 0o600);
  mkdirSync(out('empty'));
  const swapped = { evidence: { saltFile: './aws-credentials' } };
  const file = { type: 'file', jurisdiction: 'IE', path: './to' };
  await call(2, 'run', plan('swapped.json', { ...file, path: './empty', jurisdiction: 'SG' }, file, swapped));

  const planted: Planted[] = [
    { name: 'the server’s secret', bytes: Buffer.from(server.secretKey), home: ['aws-credentials'] },
    { name: 'a refused secret', bytes: Buffer.from(refused ?? ''), home: [] },
    { name: 'a session token', bytes: Buffer.from(sessionToken ?? ''), home: ['aws-credentials'] },
    { name: 'a secret of a profile', bytes: Buffer.from(ofProfile ?? ''), home: ['aws-credentials'] },
    { name: 'a key of another service', bytes: Buffer.from(apiKey ?? ''), home: [] },
    { name: 'a literal in a plan', bytes: Buffer.from(literal ?? ''), home: ['literal.json'] },
    { name: 'a key pasted into a plan', bytes: Buffer.from(pasted), home: ['pasted.json'] },
    { name: 'a key of SSE-C', bytes: customerKey, home: ['customer.key'] },
    // The ledger has the keys in plain beside it: the salt is no secret to who can read that.
    { name: 'the salt', bytes: salt, home: ['/salt', 'ledger.db', 'ledger.db-wal'] },
    ...[approver.file, auditor.file, out('made.key'), join(dir, '.ferry/good/evidence.key')].flatMap((key) =>
      bodyOf(key).map((bytes) => ({ name: `the private key ${key}`, bytes, home: [key] })),
    ),
  ];
  const written = filesIn(dir);
  for (const must of ['ledger.db', 'ferry.log', 'sealed.json', '.approval', 'manifest.json', 'audit.json', '.zst'])
    expect(written.some((path) => path.endsWith(must))).toBe(true);
  expect(readFileSync(out('ferry.log'), 'utf8').length).toBeGreaterThan(0);
  expect(said.some(({ stderr }) => stderr.includes('"level"'))).toBe(true);
  const texts = new Map<string, Buffer>(written.map((path) => [path, readFileSync(path)]));
  for (const [i, { stdout, stderr }] of said.entries()) texts.set(`call ${i}`, Buffer.from(stdout + stderr));
  const found: string[] = [];
  for (const { name, bytes, home } of planted) {
    // Each stands where it was planted, or this would look for something that is nowhere.
    if (home.length > 0) expect(home.some((end) => written.some((path) => path.endsWith(end)))).toBe(true);
    for (const [path, text] of texts) {
      if (home.some((end) => path.endsWith(end))) continue;
      if (formsOf(bytes).some((form) => text.includes(form))) found.push(`${name} in ${path}`);
    }
  }
  expect(found).toEqual([]);
}, 240_000);
