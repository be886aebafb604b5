import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));

/** Whether a terminal emulator is here. Says so where it is not: those tests then do not run. */
export function hasTmux(): boolean {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('NOT TESTED: ferry on a real terminal, for want of tmux; install the package tmux\n');
    return false;
  }
}

/** A terminal of a size, on which the real program runs. */
export class Terminal {
  readonly #socket = `ferry-test-${randomUUID()}`;

  /** Ends with `code N` on the screen, and nothing else after it. */
  constructor(columns: number, rows: number, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const variables = Object.entries({ LC_ALL: 'C.UTF-8', ...env }).map(([name, value]) => `${name}=${value}`);
    const call = [process.execPath, FERRY, ...args].map((word) => `'${word}'`).join(' ');
    const script = `env -u CI -u NO_COLOR ${variables.join(' ')} ${call}; printf 'code %s' $?; sleep 1000`;
    this.#tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), script);
    onTestFinished(() => this.#end());
  }

  /** What it shows now: lines without what is empty at their ends and at the end. */
  get screen(): string {
    const lines = this.#tmux('capture-pane', '-p').split('\n');
    return lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** The same with the orders that give colours. */
  get coloured(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** Waits until what it shows is as wanted. A screen tells nobody that it has changed: it is looked at. */
  async shows(wanted: RegExp): Promise<string> {
    for (let looks = 0; looks < 600; looks += 1) {
      const { screen } = this;
      if (wanted.test(screen)) return screen;
      await delay(100);
    }
    throw new Error(`never shown: ${wanted}\n${this.screen}`);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  type(key: string): void {
    this.#tmux('send-keys', key);
  }

  #end(): void {
    // A run takes a hang-up for an order to read its plan again.
    process.kill(-Number(this.#tmux('display-message', '-p', '#{pane_pid}')), 'SIGKILL');
    // The emulator ends with its last window: it may be gone by now.
    spawnSync('tmux', ['-L', this.#socket, 'kill-server'], { stdio: 'ignore' });
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-u', '-L', this.#socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  }
}
