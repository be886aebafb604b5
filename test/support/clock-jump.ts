/**
 * Loaded before a program (`--import`): its date jumps by FERRY_TEST_JUMP_MS milliseconds whenever it gets SIGUSR2. Timers go on as they
 * do where a machine's date is set.
 */
const Real = globalThis.Date;
const jumpMs = Number(process.env['FERRY_TEST_JUMP_MS'] ?? 0);
let offset = 0;

process.on('SIGUSR2', () => {
  offset += jumpMs;
  process.stderr.write('the date has jumped\n');
});

globalThis.Date = new Proxy(Real, {
  construct: (target, args: unknown[], made) =>
    Reflect.construct(target, args.length === 0 ? [Real.now() + offset] : args, made) as object,
  apply: () => new Real(Real.now() + offset).toString(),
  get: (target, name) => (name === 'now' ? () => Real.now() + offset : Reflect.get(target, name)),
});
