import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp.ts';

/** A key made by `ssh-keygen`, and its id by `ssh-keygen -l`. */
export function sshKey(dir: string, name: string, options: { type?: string; passphrase?: string } = {}) {
  const file = join(dir, name);
  const { type = 'ed25519', passphrase = '' } = options;
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', `${name} with a comment`, '-f', file]);
  const id = execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '';
  return { file, publicFile: `${file}.pub`, id };
}

/** A real `ssh-agent` that holds these keys until the test ends. @returns its socket. */
export async function sshAgent(...files: readonly string[]): Promise<string> {
  const dir = tempDir();
  chmodSync(dir, 0o700);
  const socket = join(dir, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void agent.kill());
  // It says where it listens once it does.
  await once(createInterface({ input: agent.stdout }), 'line');
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  for (const file of files) execFileSync('ssh-add', ['-q', file], { env, stdio: 'pipe' });
  return socket;
}
