// Asks the registry for known vulnerabilities of what is installed with ferry. Fails on those of severity high or critical. Where the
// registry does not answer the question, as behind many mirrors and offline, it says so and fails nothing.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2, timeout: 120_000 };
const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], options);

let report;
try {
  report = JSON.parse(stdout ?? '');
} catch {
  report = { message: error?.message ?? 'npm gave no report' };
}

const counts = report.metadata?.vulnerabilities;
if (counts === undefined) {
  const why = report.message ?? report.error?.summary ?? 'npm gave no report';
  process.stderr.write(
    `known vulnerabilities: NOT CHECKED, the registry gave no answer: ${String(why).split('\n')[0]}\n`,
  );
} else {
  const bad = Object.values(report.vulnerabilities ?? {}).filter(({ severity }) =>
    ['high', 'critical'].includes(severity),
  );
  for (const { name, severity, range } of bad)
    process.stderr.write(`known vulnerability (${severity}): ${name} ${range}\n`);
  const { total = 0 } = counts;
  const asked = report.metadata.dependencies?.prod ?? 'all';
  process.stderr.write(
    `known vulnerabilities in ${asked} packages: ${total}, of severity high or critical: ${bad.length}\n`,
  );
  if (bad.length > 0) process.exitCode = 1;
}
