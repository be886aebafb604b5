import type { Ledger } from '../../ledger/ledger.ts';
import type { Finish } from '../../plan/types.ts';
import type { Io } from '../io.ts';
import { startLines } from './lines.ts';
import { Meter } from './meter.ts';
import type { Progress, ProgressMode } from './types.ts';

export async function startProgress(mode: ProgressMode, until: Finish, ledger: Ledger, io: Io): Promise<Progress> {
  const meter = new Meter(until, ledger);
  const shown = mode === 'auto' ? automatic(io) : mode;
  switch (shown) {
    case 'none':
      return { listener: () => undefined, end: async () => undefined };
    case 'tty':
      return (await import('./terminal.ts')).startTerminal(meter, io);
    case 'json':
      return startLines(meter, io, (snapshot) => JSON.stringify({ type: 'progress', ...snapshot }));
    case 'plain':
      return startLines(meter, io);
  }
}

function automatic(io: Io): 'tty' | 'plain' {
  return process.stderr.isTTY && io.env['TERM'] !== 'dumb' && io.env['CI'] === undefined ? 'tty' : 'plain';
}
