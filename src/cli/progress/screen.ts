import { DefaultRenderer, ListrLogger, ProcessOutput } from 'listr2';
import stringWidth from 'string-width';
import { safeText } from '../../base/safe-text.ts';

type Task = ConstructorParameters<typeof DefaultRenderer>[0];
type Options = ConstructorParameters<typeof DefaultRenderer>[1];
type Events = ConstructorParameters<typeof DefaultRenderer>[2];

const SHOW_CURSOR = '\u001b[?25h';
const HIDE_CURSOR = '\u001b[?25l';
const ERASE_DOWN = '\u001b[J';

/** Where a view is drawn: what others write to standard error meanwhile comes above it, and a terminal of another width is redrawn. */
export class Screen extends ProcessOutput {
  /** The lines that stand on the terminal. */
  #drawn = '';
  #size = '';
  /** While lines are set one after the other, nothing is drawn. */
  #quiet = false;
  #renderer: DefaultRenderer | undefined;
  readonly #write = process.stderr.write;

  readonly #onResize: () => void;

  /** @param onResize draws anew, for a terminal of another size. */
  constructor(onResize: () => void) {
    super(process.stderr, process.stderr);
    this.#onResize = onResize;
  }

  /** The renderer that draws here, as listr2 takes it. */
  get renderer() {
    const screen = this;
    return class extends DefaultRenderer {
      // Standard output may be a file: it is standard error that is drawn on.
      static override nonTTY = true;

      constructor(tasks: Task, options: Options, events: Events) {
        super(tasks, { ...options, ...PLAIN, logger: new ListrLogger({ processOutput: screen }) }, events);
        screen.#renderer = this;
      }

      override create(options?: Parameters<DefaultRenderer['create']>[0]): string {
        const text = super.create(options);
        screen.#drawn = text;
        return text;
      }

      override update(): void {
        if (!screen.#quiet) super.update();
      }
    };
  }

  /** Lets many lines change, and draws once. */
  redraw(change: () => void): void {
    this.#quiet = true;
    try {
      change();
    } finally {
      this.#quiet = false;
    }
    this.#renderer?.update();
  }

  override hijack(): void {
    this.#raw(HIDE_CURSOR);
    this.#size = sizeNow();
    process.stderr.on('resize', this.#resized);
    process.stderr.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      // What draws hides the cursor by itself with each frame.
      if (text !== HIDE_CURSOR && text !== SHOW_CURSOR) this.#above(safeText(text));
      const told = rest.find((one) => typeof one === 'function');
      if (told !== undefined) process.nextTick(told as () => void);
      return true;
    }) as typeof process.stderr.write;
    this.active = true;
  }

  override release(): void {
    process.stderr.off('resize', this.#resized);
    process.stderr.write = this.#write;
    this.#raw(SHOW_CURSOR);
    this.active = false;
  }

  #raw(text: string): void {
    this.#write.call(process.stderr, text);
  }

  /** Puts text where the view begins, and the view below it. */
  #above(text: string): void {
    const frame = this.#drawn === '' ? '' : `${this.#drawn}\n`;
    this.#raw(`${this.#toTop()}${text.endsWith('\n') ? text : `${text}\n`}${frame}`);
  }

  /** A terminal that became narrower has broken the lines that stand there: more rows are to be erased than were drawn. */
  readonly #resized = (): void => {
    if (this.#size === sizeNow()) return;
    this.#size = sizeNow();
    const lines = this.#drawn === '' ? 0 : this.#drawn.split('\n').length;
    // What draws goes up by the lines that it drew, and so finds its place.
    this.#raw(`${this.#toTop()}${'\n'.repeat(lines)}`);
    this.#onResize();
  };

  #toTop(): string {
    if (this.#drawn === '') return '';
    const columns = process.stderr.columns || 80;
    const rows = this.#drawn
      .split('\n')
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0);
    return `\r\u001b[${rows}A${ERASE_DOWN}`;
  }
}

const sizeNow = (): string => `${process.stderr.columns}x${process.stderr.rows}`;

const LEVELS = ['PENDING', 'COMPLETED', 'WAITING'] as const;

const blank = Object.fromEntries(LEVELS.map((level) => [level, '']));

/** Lines are drawn as they are, and cut where the terminal ends. */
const PLAIN: Options = { lazy: true, formatOutput: 'truncate', icon: blank };
