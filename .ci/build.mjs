// Compiles src/ to dist/ for the published package: types are stripped, migrations are copied.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}/dist`, { recursive: true, force: true });
const options = { cwd: root, stdio: 'inherit' };
execFileSync(`${root}/node_modules/.bin/tsc`, ['-p', '.ci/tsconfig.build.json'], options);
cpSync(`${root}/src/ledger/migrations`, `${root}/dist/ledger/migrations`, { recursive: true });
