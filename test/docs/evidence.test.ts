import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MEMBERS } from '../../src/evidence/leaf.ts';
import { exported, type Made } from '../support/bundle.ts';
import { ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

const text = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8');
const between = (name: string): string => text.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';

it('tells each type of leaf with its members', () => {
  const rows = between('leaves')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, 3).join('|'));
  const member = ({ name, optional }: { name: string; optional: boolean }) => `\`${name}\`${optional ? '?' : ''}`;
  expect(rows).toEqual(MEMBERS.map(({ type, members }) => ` \`${type}\` | ${members.map(member).join(', ')} `));
});

describe('the script of the document', () => {
  const script = /```sh\n([\s\S]*?)```/.exec(between('script'))?.[1] ?? '';
  const tools = ['openssl', 'sha256sum', 'jq'].every((tool) => spawnSync(tool, ['--version']).error === undefined);

  function checked({ folder }: Pick<Made, 'folder'>, pem: string): { code: number | null; out: string } {
    const file = join(tempDir(), 'check.sh');
    writeFileSync(file, script);
    const { status, stdout } = spawnSync('sh', [file, folder, pem], { encoding: 'utf8' });
    return { code: status, out: stdout };
  }

  it.skipIf(!tools)('checks a bundle without ferry, and finds what is wrong', async () => {
    const laid = layOut();
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    const made = await exported(laid);
    const pem = join(tempDir(), 'key.pem');
    writeFileSync(pem, readFileSync(join(made.folder, 'key.pem')));
    const { head } = JSON.parse((await ferry(['evidence', 'verify', made.folder, '--key', pem, '--json'])).stdout) as {
      head: { root: string };
    };
    expect(checked(made, pem)).toEqual({ code: 0, out: `signed and whole: ${head.root}\n` });
    const other = join(tempDir(), 'other.pem');
    writeFileSync(other, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    expect(checked(made, other).code).not.toBe(0);
    for (const name of [
      'segments/000000.ndjson.zst',
      'segments/000000.hashes',
      'head.json',
      'manifest.json',
      'SUMMARY.md',
    ]) {
      const path = join(made.folder, name);
      const bytes = readFileSync(path);
      const changed = Buffer.from(bytes);
      changed[40] = (changed[40] ?? 0) ^ 1;
      writeFileSync(path, changed);
      expect(checked(made, pem).code, name).not.toBe(0);
      writeFileSync(path, bytes);
    }
    expect(checked(made, pem).code).toBe(0);
  });

  it.skipIf(spawnSync('openssl', ['version']).error !== undefined)(
    'a time stamp is told, and one of other bytes is refused',
    async () => {
      const laid = layOut();
      expect((await ferry(['run', laid.plan])).code).toBe(0);
      const made = await exported(laid);
      stamp(join(made.folder, 'head.json'), join(made.folder, 'head.json.tsr'));
      const verify = () => ferry(['evidence', 'verify', made.folder, '--key', made.publicFile]);
      const good = await verify();
      expect(good.code, good.stderr).toBe(0);
      expect(good.stdout).toMatch(/stamped \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
      stamp(join(made.folder, 'plan.json'), join(made.folder, 'head.json.tsr'));
      const wrong = await verify();
      expect([wrong.code, wrong.stderr]).toEqual([5, expect.stringContaining('head.json.tsr')]);
    },
  );
});

/** A time stamping authority of the test's own, by openssl. */
function stamp(of: string, to: string): void {
  const dir = tempDir();
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  writeFileSync(
    join(dir, 'tsa.cnf'),
    [
      '[tsa]',
      'serial = ./serial',
      'signer_cert = ./cert.pem',
      'signer_key = ./key.pem',
      'signer_digest = sha256',
      'default_policy = 1.2.3.4',
      'digests = sha256',
      '[ext]',
      'extendedKeyUsage = critical,timeStamping',
      '[req]',
      'distinguished_name = dn',
      '[dn]',
    ].join('\n'),
  );
  writeFileSync(join(dir, 'serial'), '0FA3\n');
  const subject = ['-subj', '/CN=test', '-config', 'tsa.cnf', '-extensions', 'ext'];
  run(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
    ...subject,
  );
  run('ts', '-query', '-data', of, '-sha256', '-cert', '-out', 'query');
  run('ts', '-reply', '-config', 'tsa.cnf', '-section', 'tsa', '-queryfile', 'query', '-out', to);
  run('ts', '-verify', '-data', of, '-in', to, '-CAfile', 'cert.pem');
}
