import './heap.js';
import { existsSync } from 'node:fs';
import process from 'node:process';

// node:sqlite warns on every start that it is experimental in some of the versions that ferry supports; operators cannot act on that.
const emitWarning = process.emitWarning;
process.emitWarning = (warning, ...rest) => {
  const text = typeof warning === 'string' ? warning : warning.message;
  if (!text.startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest);
};

// A checkout runs its sources; the published package has only what the compiler made of them.
const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/cli/main.js', import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv);
