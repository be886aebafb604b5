// Installs the packages of package-lock.json when they are missing or of another lock file. Runs on Node 20 and needs nothing installed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = createHash('sha256')
  .update(readFileSync(`${root}/package-lock.json`))
  .digest('hex');
const stamp = `${root}/node_modules/.ferry-installed`;
const have = existsSync(stamp) && existsSync(`${root}/node_modules/.bin/node`) ? readFileSync(stamp, 'utf8') : '';

if (have !== lock) {
  process.stderr.write('installing packages (npm ci) …\n');
  // The system's Node only starts this; the packages' own wish for a newer one is met by the `node` package among them.
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], options);
  writeFileSync(stamp, lock);
}
