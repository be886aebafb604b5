import { readFileSync } from 'node:fs';

/** A row of the table in docs/faults.md. */
export interface FaultRow {
  readonly name: string;
  /** What the operator reads, in the order in which it comes, with `…` for what is different each time. Empty where ferry says nothing of it. */
  readonly message: string;
  readonly code: number;
  /** The file of its test, from the root of the repository. */
  readonly file: string;
}

const NOTHING = 'nothing';

const FILE = new URL('../../docs/faults.md', import.meta.url);

/** The rows as they are told to operators: a test holds the program to them. */
export function faultRows(): FaultRow[] {
  const text = readFileSync(FILE, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, name, message = '', code, , test = ''] = line.split('|').map((cell) => cell.trim());
    const [, file] = /\]\(\.\.\/(test\/[^)]+)\)$/.exec(test) ?? [];
    if (name === undefined || file === undefined) return [];
    return [{ name, message: message === NOTHING ? '' : message.replaceAll('`', ''), code: Number(code), file }];
  });
}

export function faultRow(name: string): FaultRow {
  const row = faultRows().find((one) => one.name === name);
  if (row === undefined) throw new Error(`docs/faults.md has no row "${name}"`);
  return row;
}

/** Whether this is said, with anything in the place of each `…`. */
export function isSaid(message: string, said: string): boolean {
  const parts = message
    .split(/\s*…\s*/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(parts.join('[^]*?')).test(said.replaceAll('`', ''));
}
