import type { Logger } from 'pino';
import type { Egress } from '../base/egress.ts';
import type { Settings } from './settings/schema.ts';

/** How a command ended, short of an error; `main.ts` makes an exit code of it. */
export type Verdict = 'done' | 'refused' | 'unresolved' | 'integrity' | 'invalid' | 'unreachable' | 'fault';

/** What every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly state?: string;
  readonly logLevel?: string;
  readonly logFile?: string;
  readonly color?: boolean;
  readonly yes?: boolean;
  /** What the configuration and the environment say, which no option of the command line does. */
  readonly settings?: Settings;
  /** Of the commands that take it. */
  readonly partition?: readonly string[];
}

/** What a command may touch of the process it runs in. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** The guard over all connections; at first it lets nothing out. */
  readonly egress: Egress;
  /** First signal: finish what is under way. */
  readonly stop: AbortSignal;
  /** Second signal: end at once. */
  readonly abort: AbortSignal;
  readonly json: boolean;
  readonly color: boolean;
  /** How large the terminal of standard output is; `undefined` where it is none. */
  readonly screen: { readonly columns: number; readonly rows: number } | undefined;
  /** The one document of `--json`. */
  document(value: unknown): void;
  /** Text for people on standard output; nothing under `--json`. */
  print(text: string): void;
  /** Text for people on standard error. */
  tell(text: string): void;
}
