let given = false;

/** Writes the one document of `--json` to standard output. A second one in the same process is dropped: two would be none. */
export function writeDocument(value: unknown): void {
  if (given) return;
  given = true;
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
