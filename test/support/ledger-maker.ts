import { Ledger } from '../../src/ledger/ledger.ts';

/** Says that it begins, then makes a ledger: `node ledger-maker.ts STATE`. */
process.stdout.write('begins\n');
Ledger.open(process.argv[2] ?? '').close();
setInterval(() => undefined, 1_000);
