import { once } from 'node:events';

let given = false;

/** Writes the one document of `--json` to standard output. A second one in the same process is dropped: two would be none. */
export function writeDocument(value: unknown): void {
  if (given) return;
  given = true;
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Writes the one document of `--json` with a list of any length as its last member, one item at a time. */
export async function writeDocumentList(head: object, name: string, items: Iterable<unknown>): Promise<void> {
  if (given) return;
  given = true;
  const open = `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(name)}:[`;
  let before = open;
  for (const item of items) {
    if (!process.stdout.write(before + JSON.stringify(item))) await once(process.stdout, 'drain');
    before = ',\n';
  }
  process.stdout.write(`${before === open ? open : ''}]}\n`);
}
