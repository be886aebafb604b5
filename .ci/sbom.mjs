// Writes what the published package installs, as a software bill of materials (CycloneDX, JSON), from package-lock.json alone.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = resolve(process.argv[2] ?? `${root}/dist-ci/sbom.cdx.json`);
const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
const bill = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 }));
// With --omit=dev npm leaves out what is both ours and a tool's, so what only tools need is taken out here.
const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8')).packages;
const ours = new Set(
  Object.entries(lock)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`),
);
const isOurs = (ref) => ref === bill.metadata.component['bom-ref'] || ours.has(ref);
bill.components = bill.components.filter(({ name, version }) => ours.has(`${name}@${version}`));
bill.dependencies = bill.dependencies
  .filter(({ ref }) => isOurs(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isOurs) }));
// npm takes the folder's name for the package's.
bill.metadata.component.name = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).name;
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);
process.stderr.write(`${file}: ${bill.components.length} components\n`);
