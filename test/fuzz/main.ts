import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** `npm run fuzz -- --minutes N [--target T] [--seed S] [--path P]`: docs/fuzzing.md. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    target: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const only = values.target === undefined ? [] : ['-t', ` ${values.target}$`];
const env = {
  ...process.env,
  FERRY_FUZZ_MINUTES: values.minutes,
  ...(values.seed === undefined ? {} : { FERRY_FUZZ_SEED: values.seed }),
  ...(values.path === undefined ? {} : { FERRY_FUZZ_PATH: values.path }),
};
const args = [`${root}/node_modules/vitest/vitest.mjs`, 'run', '--config', 'test/fuzz/vitest.config.ts', '--root', '.'];
const { status } = spawnSync(process.execPath, [...args, ...only], { cwd: root, env, stdio: 'inherit' });
process.exitCode = status ?? 1;
