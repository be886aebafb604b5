import { once } from 'node:events';
import { safeLine } from '../base/safe-text.ts';

let given = false;

/** Writes the one document of `--json` to standard output. A second one in the same process is dropped: two would be none. */
export function writeDocument(value: unknown): void {
  if (given) return;
  given = true;
  process.stdout.write(`${jsonOf(value)}\n`);
}

/** Writes the one document of `--json` with a list of any length as its last member, one item at a time. */
export async function writeDocumentList(head: object, name: string, items: Iterable<unknown>): Promise<void> {
  if (given) return;
  given = true;
  const open = `${jsonOf(head).slice(0, -1)},${JSON.stringify(name)}:[`;
  let before = open;
  for (const item of items) {
    if (!process.stdout.write(before + jsonOf(item))) await once(process.stdout, 'drain');
    before = ',\n';
  }
  process.stdout.write(`${before === open ? open : ''}]}\n`);
}

/** JSON that is safe on a terminal too: keys may hold what JSON leaves as it is and a terminal takes as an order. It means the same. */
function jsonOf(value: unknown): string {
  return safeLine(JSON.stringify(value));
}
