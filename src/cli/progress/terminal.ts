import { styleText } from 'node:util';
import { Listr } from 'listr2';
import type { Io } from '../io.ts';
import { type Frame, frameOf, type Line, type Size } from './frame.ts';
import type { Meter } from './meter.ts';
import { Screen } from './screen.ts';
import type { Progress } from './types.ts';

/** Often enough to see life, seldom enough to read. */
const EVERY_MS = 500;

/** More lines than this are on no terminal. */
const MOST_ROWS = 200;

/** What is drawn to when nothing tells how large it is. */
const USUAL: Size = { columns: 80, rows: 24 };

const COLOURS = { head: 'bold', quiet: 'dim', done: 'green', person: 'yellow' } as const;

/** Progress on a terminal: a view of standard error that is redrawn in place, and gone at the end. */
export function startTerminal(meter: Meter, io: Io, everyMs = EVERY_MS): Progress {
  // What draws knows no other switch.
  if (!io.color) process.env['NO_COLOR'] = '1';
  const screen = new Screen(() => draw());
  const ended = Promise.withResolvers<void>();
  const rows: { title?: string }[] = [];
  const list = new Listr(
    Array.from({ length: MOST_ROWS }, () => ({
      title: ' ',
      task: async (_context: unknown, row: { title?: string }): Promise<void> => {
        rows.push(row);
        await ended.promise;
      },
    })),
    {
      concurrent: true,
      // The command's own handlers drain the run; listr2's would end the process in the middle of it.
      registerSignalListeners: false,
      renderer: screen.renderer,
      rendererOptions: { clearOutput: true },
    },
  );
  let frame: Frame | undefined;
  let snapshot = meter.snapshot();
  const draw = (): void => {
    frame = frameOf(snapshot, sizeNow(), frame?.shown, io.stop.aborted);
    const { lines } = frame;
    screen.redraw(() => {
      for (const [at, row] of rows.entries()) {
        const title = lines[at] === undefined ? ' ' : coloured(lines[at], io.color);
        if (row.title !== title) row.title = title;
      }
    });
  };
  const look = (): void => {
    snapshot = meter.snapshot();
    draw();
  };
  const shown = list.run();
  const timer = setInterval(look, everyMs);
  setImmediate(draw);
  return {
    listener: (event) => meter.take(event),
    end: async () => {
      clearInterval(timer);
      ended.resolve();
      await shown;
    },
  };
}

function sizeNow(): Size {
  const { columns, rows } = process.stderr;
  return { columns: columns || USUAL.columns, rows: Math.min(rows || USUAL.rows, MOST_ROWS) };
}

function coloured({ text, tone }: Line, color: boolean): string {
  return color && tone !== 'plain' ? styleText(COLOURS[tone], text, { validateStream: false }) : text;
}
