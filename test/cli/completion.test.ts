import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const dir = join(tempDirOfAll(), 'work');
const scripts: Record<string, string> = {};

/** One folder for the file: `tempDir` is a test's own. */
function tempDirOfAll(): string {
  return execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
}

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  mkdirSync(join(dir, 'folder with blanks'), { recursive: true });
  for (const name of ['plan.yaml', 'plan.json', 'plan.txt', 'my plan.yml']) writeFileSync(join(dir, name), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const ended = await ferry(['completion', shell, '--json']);
    expect(ended.code).toBe(0);
    scripts[shell] = documentOf<{ script: string }>(ended).script;
    writeFileSync(join(dir, `ferry.${shell}`), scripts[shell]);
  }
});

/** What bash itself offers for the last word, after sourcing the script without anything else. */
function bash(...words: string[]): string[] {
  const program = `
    source ./ferry.bash
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    $(complete -p "$1" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = execFileSync('bash', ['--norc', '-c', program, 'bash', 'ferry', ...words], {
    cwd: dir,
    encoding: 'utf8',
  });
  return said.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  it.each<[string[], string[]]>([
    [['ru'], ['run']],
    [
      ['evidence', ''],
      ['export', 'verify', 'add', 'prove'],
    ],
    [
      ['evidence', 'export', '--ke'],
      ['--key', '--keys'],
    ],
    [
      ['run', '--until', ''],
      ['copied', 'verified', 'tombstoned'],
    ],
    [['run', 'plan.yaml', '--prog'], ['--progress']],
    [['run', '--partition', ''], []],
    [['--json', 'comp'], ['completion']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['rehearse', 'plan.yaml', '--scenario', 'h'], ['hostile']],
    [
      ['run', 'plan'],
      ['plan.yaml', 'plan.json'],
    ],
    [['run', 'my'], ['my plan.yml']],
    [['run', '--state', 'fo'], ['folder with blanks']],
    [['nonsense', '--x'], []],
  ])('completes ferry %j', (words, offered) => {
    expect(bash(...words).sort()).toEqual([...offered].sort());
  });

  it('offers every command that --help shows', async () => {
    const { stdout } = await ferry(['--help']);
    const shown = [...stdout.matchAll(/^ {2}([a-z-]+) (?:\[options\]|\[command\])/gm)].map(([, name = '']) => name);
    expect(bash('').sort()).toEqual(shown.filter((name) => name !== 'help').sort());
  });
});

it.skipIf(!isThere('zsh'))('zsh takes its script, and knows it as the completion of ferry', () => {
  const program =
    'autoload -U compinit; compinit -u -d ./dump; source ./ferry.zsh; echo $_comps[ferry]; whence -w _ferry_evidence_export';
  const said = execFileSync('zsh', ['-f', '-c', program], {
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  expect(said).toBe('_ferry\n_ferry_evidence_export: function\n');
});

it.skipIf(!isThere('fish'))('fish completes by its script', () => {
  const ask = (line: string): string[] => {
    const program = `source ./ferry.fish; complete -C ${JSON.stringify(line)}`;
    const said = execFileSync('fish', ['--no-config', '-c', program], { cwd: dir, encoding: 'utf8' });
    return said.split('\n').flatMap((one) => (one === '' ? [] : [one.split('\t')[0] ?? '']));
  };
  expect(ask('ferry ru')).toEqual(['run']);
  expect(ask('ferry run --until ver')).toEqual(['verified']);
  expect(ask('ferry evidence ex')).toEqual(['export']);
  expect(ask('ferry run --un')).toEqual(['--until']);
});

it('refuses another shell', async () => {
  const ended = await ferry(['completion', 'tcsh'], { HOME: tempDir() });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('bash, zsh, fish');
});
