import { execFileSync } from 'node:child_process';

/** Whether the programs are here by which ferry carries extended attributes. Says so where they are not: those tests then do not run. */
export function hasXattrTools(): boolean {
  try {
    for (const program of ['getfattr', 'setfattr']) execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(
      'NOT TESTED: extended attributes, for want of getfattr and setfattr; install the package attr\n',
    );
    return false;
  }
}

const SET = `
import json, os, sys
for name, value in json.loads(sys.argv[2]).items():
    os.setxattr(sys.argv[1], name, bytes.fromhex(value))
`;
const GET = `
import json, os, sys
of = lambda path: {name: os.getxattr(path, name).hex() for name in os.listxattr(path)}
print(json.dumps([of(path) for path in sys.argv[1:]]))
`;

/** Sets attributes, by another program than ferry uses. */
export function setXattrs(file: string, values: Readonly<Record<string, Uint8Array | string>>): void {
  const hex = Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString('hex')]);
  execFileSync('python3', ['-c', SET, file, JSON.stringify(Object.fromEntries(hex))]);
}

/** All attributes of a file, values as base64. */
export function xattrsOf(file: string): Record<string, string> {
  return xattrsOfAll([file])[0] ?? {};
}

export function xattrsOfAll(files: readonly string[]): Record<string, string>[] {
  const output = execFileSync('python3', ['-c', GET, ...files], { encoding: 'utf8' });
  const hex = JSON.parse(output) as Record<string, string>[];
  return hex.map((values) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toBase64(value)])),
  );
}

const toBase64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
