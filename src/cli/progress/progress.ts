import type { Io } from '../io.ts';
import { startJson } from './json.ts';
import { startLines } from './lines.ts';
import { Meter, type Metered } from './meter.ts';
import type { Progress, ProgressMode } from './types.ts';

/** Shows how it gets on, as was asked for; on a terminal anew after so many milliseconds. */
export async function startProgress(mode: ProgressMode, metered: Metered, io: Io, everyMs?: number): Promise<Progress> {
  const shown = shownAs(mode, io);
  if (shown === 'none') return { listener: () => undefined, end: async () => undefined };
  const meter = new Meter(metered);
  if (shown === 'tty') return (await import('./terminal.ts')).startTerminal(meter, io, everyMs);
  if (shown === 'json') return startJson(meter, (line) => void process.stderr.write(line));
  return startLines(meter, io);
}

/** A dumb terminal cannot be drawn on, also where that is asked for. */
export function shownAs(mode: ProgressMode, io: Io): 'tty' | 'json' | 'none' | 'plain' {
  const dumb = io.env['TERM'] === 'dumb';
  if (mode === 'tty') return dumb ? 'plain' : 'tty';
  if (mode !== 'auto') return mode;
  return process.stderr.isTTY && !dumb && io.env['CI'] === undefined ? 'tty' : 'plain';
}
