import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

/** What is installed with ferry: `name@version` to what the lock file says of it. */
const installed = new Map(
  Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, one]) => [
      `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${one.version}`,
      one,
    ]),
);

describe('the bill of materials', () => {
  it('has every package that is installed with ferry, with its version, licence and digest, and nothing else', () => {
    const file = join(tempDir(), 'sbom.cdx.json');
    execFileSync(process.execPath, [join(ROOT, '.ci/sbom.mjs'), file], { stdio: 'pipe' });
    const bill = JSON.parse(readFileSync(file, 'utf8'));
    const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(bill).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: expect.stringMatching(/^1\.\d$/),
      serialNumber: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
      metadata: { component: { name, version, licenses: [{ license: { id: 'Apache-2.0' } }] } },
    });
    const components = bill.components as { name: string; version: string; licenses?: object[]; hashes?: object[] }[];
    expect(components.map((one) => `${one.name}@${one.version}`).sort()).toEqual([...installed.keys()].sort());
    for (const { name: component, licenses = [], hashes = [] } of components)
      expect([component, licenses.length, hashes.length]).toEqual([component, 1, 1]);
    const direct = Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).dependencies);
    expect(components.map((one) => one.name)).toEqual(expect.arrayContaining(direct));
    const dependencies = bill.dependencies as { ref: string; dependsOn: string[] }[];
    const refs = new Set(dependencies.map(({ ref }) => ref));
    expect(refs.size).toBe(components.length + 1);
    expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual([]);
  });

  it('is of packages that run nothing when they are installed, under licences that let everyone use them', () => {
    const permissive = /^(Apache-2\.0|MIT|ISC|0BSD|BSD-[23]-Clause|BlueOak-1\.0\.0|Unlicense)$/;
    for (const [name, { license = 'none', hasInstallScript = false }] of installed) {
      expect([name, license]).toEqual([name, expect.stringMatching(permissive)]);
      expect([name, hasInstallScript]).toEqual([name, false]);
    }
  });
});

describe('the audit of vulnerabilities', () => {
  /** The audit, where npm answers like this. */
  function auditWhere(answer: string, code: number) {
    const dir = tempDir();
    const npm = join(dir, 'npm');
    writeFileSync(join(dir, 'answer'), answer);
    writeFileSync(npm, `#!/bin/sh\ncat '${dir}/answer'\nexit ${code}\n`);
    chmodSync(npm, 0o755);
    const env = { ...process.env, PATH: `${dir}${delimiter}${process.env['PATH']}` };
    return spawnSync(process.execPath, [join(ROOT, '.ci/audit.mjs')], { env, encoding: 'utf8' });
  }
  const found = (severity: string): string =>
    JSON.stringify({
      vulnerabilities: { bad: { name: 'bad', severity, range: '<2.0.0' } },
      metadata: { vulnerabilities: { [severity]: 1, total: 1 }, dependencies: { prod: 40 } },
    });

  it.each([
    ['high', 1],
    ['critical', 1],
    ['moderate', 0],
  ])('of one of severity %s ends with %i', (severity, status) => {
    const ended = auditWhere(found(severity), 1);
    expect([ended.status, ended.stderr]).toEqual([status, expect.stringContaining('in 40 packages: 1')]);
    if (status === 1) expect(ended.stderr).toContain(`known vulnerability (${severity}): bad <2.0.0`);
  });

  it.each([
    ['a registry that does not know the question', '{"message":"405 Method Not Allowed - POST https://r/","error":{}}'],
    ['no network', '{"error":{"code":"ENOTFOUND","summary":"request to https://r/ failed"}}'],
    ['an npm that says nothing', ''],
  ])('with %s says that nothing was checked, and fails nothing', (_, answer) => {
    const ended = auditWhere(answer, 1);
    expect([ended.status, ended.stderr]).toEqual([0, expect.stringContaining('NOT CHECKED')]);
  });
});
