// Makes a legacy store of real files (the installed packages' own) and runs plans/quickstart.yaml on it.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = join(root, 'plans/quickstart');
const users = join(work, 'legacy/users');

function say(text) {
  process.stdout.write(`${text}\n`);
}

function ferry(...args) {
  say(`\n$ ferry ${args.join(' ')}`);
  execFileSync(process.execPath, [join(root, 'bin/ferry.js'), ...args], { cwd: root, stdio: 'inherit' });
}

/** Copies one package as one "user": a scope's slash would make two folders of its name, and links are no objects. */
function copyPackage(name) {
  const from = join(root, 'node_modules', name);
  const filter = (path) => !lstatSync(path).isSymbolicLink() && lstatSync(path).size < 1_000_000;
  cpSync(from, join(users, name.replace('/', '+')), { recursive: true, filter });
}

// A second call starts afresh, so that there is something to see.
rmSync(work, { recursive: true, force: true });
rmSync(join(root, 'plans/.ferry/quickstart'), { recursive: true, force: true });
mkdirSync(users, { recursive: true });
const names = readdirSync(join(root, 'node_modules')).filter((name) => !name.startsWith('.'));
for (const name of names) {
  if (!name.startsWith('@')) copyPackage(name);
  else for (const inner of readdirSync(join(root, 'node_modules', name))) copyPackage(`${name}/${inner}`);
}
mkdirSync(join(work, 'legacy/tmp'), { recursive: true });
writeFileSync(join(work, 'legacy/tmp/scratch.part'), 'half an upload\n');

ferry('plan', 'plans/quickstart.yaml');
ferry('run', 'plans/quickstart.yaml');

const sample = join(users, 'yaml/package.json');
say(`
What to look at:
  plans/quickstart.yaml                  the plan
  plans/quickstart/centres/              the two centres, with every object
  ${sample.slice(root.length)}   a tombstone${existsSync(sample) ? '' : ' (missing!)'}
  plans/.ferry/quickstart/ledger.db      the ledger

Try next:
  export PATH=$PWD/node_modules/.bin:$PATH        (Node 26, if yours is older than 24)
  node bin/ferry.js status plans/quickstart.yaml
  node bin/ferry.js verify plans/quickstart.yaml
  node bin/ferry.js restore plans/quickstart.yaml`);
