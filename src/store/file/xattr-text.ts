/*
 * The text that getfattr(1) prints with `-d -e base64` and setfattr(1) reads with `--restore`, from the package attr:
 *
 *     # file: /proc/self/fd/3
 *     user.colour=0sYmx1ZQ==
 *
 * with an empty line behind each file. In names a backslash and three octal digits stand for a byte.
 */

export type XattrValues = Readonly<Record<string, string>>;

const FILE = '# file: ';
const PAIR = /^([^=]+)(?:=0s([A-Za-z0-9+/]*={0,2}))?$/;

/** @returns attributes by file, values as base64; `undefined` where the text is of another form, or a name is no valid UTF-8. */
export function parseDump(dump: Uint8Array): ReadonlyMap<string, XattrValues> | undefined {
  const files = new Map<string, Record<string, string>>();
  let current: Record<string, string> | undefined;
  for (const line of Buffer.from(dump).toString('latin1').split('\n')) {
    if (line === '') continue;
    if (line.startsWith(FILE)) {
      current = {};
      files.set(line.slice(FILE.length), current);
      continue;
    }
    const [, quoted, value = ''] = PAIR.exec(line) ?? [];
    const name = quoted === undefined ? undefined : unquote(quoted);
    if (name === undefined || current === undefined) return undefined;
    current[name] = value;
  }
  return files;
}

export function formatDump(files: ReadonlyMap<string, XattrValues>): string {
  return [...files].map(([file, values]) => `${FILE}${file}\n${lines(values)}\n`).join('');
}

function lines(values: XattrValues): string {
  return (
    Object.entries(values)
      // setfattr gives up at an empty value in base64.
      .map(([name, value]) => `${quote(name)}=${value === '' ? '""' : `0s${value}`}\n`)
      .join('')
  );
}

function quote(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._-]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
    })
    .join('');
}

function unquote(quoted: string): string | undefined {
  const raw = quoted.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  const bytes = Buffer.from(raw, 'latin1');
  const name = bytes.toString();
  return Buffer.from(name).equals(bytes) ? name : undefined;
}
