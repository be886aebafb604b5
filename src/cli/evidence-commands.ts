import { type Command, Option } from 'commander';
import { type Act, collect, withGlobals } from './command-line.ts';
import { type ExportOptions, evidenceExport, evidenceVerify, type VerifyOptions } from './commands/evidence.ts';
import { type AddOptions, evidenceAdd } from './commands/evidence-add.ts';
import { evidenceProve, type ProveOptions } from './commands/evidence-prove.ts';

/** `ferry evidence …` */
export function addEvidence(program: Command, act: Act): void {
  const evidence = program
    .command('evidence')
    .description('the signed record of what was done: export it, check it, prove one person’s part of it')
    .exitOverride();
  const add = (name: string, description: string): Command =>
    withGlobals(evidence.command(name).description(description).exitOverride());
  act<ExportOptions>(
    add('export', 'write the signed bundle')
      .argument('<plan>')
      .requiredOption('--out <dir>', 'a folder that is empty or not there')
      .option('--key <file>', 'what signs it (default: a key in the state directory)')
      .addOption(
        new Option('--keys <how>', 'whether keys of objects go along')
          .choices(['redacted', 'plain'])
          .default('redacted'),
      )
      .addOption(new Option('--redact <what>', 'leave out').choices(['keys']))
      .option('--segment <n>', 'write only this segment (repeatable)', collect),
    evidenceExport,
  );
  act<VerifyOptions>(
    add('verify', 'check a bundle or a proof; no network, no ledger')
      .argument('<path>')
      .requiredOption('--key <file>', 'the public key of whoever signed it')
      .option('--auditor <file>', 'the public key of an auditor whose statements count (repeatable)', collect)
      .option('--segment <n>', 'only this segment (repeatable)', collect),
    evidenceVerify,
  );
  act<AddOptions>(
    add('add', 'take an auditor’s statement into the log')
      .argument('<plan>')
      .requiredOption('--audit <file>', 'what `ferry audit --key` wrote'),
    evidenceAdd,
  );
  act<ProveOptions>(
    add('prove', 'write what proves one person’s objects')
      .argument('<plan>')
      .option('--where <name=value>', 'objects whose key the plan’s pattern reads so (repeatable)', collect)
      .option('--object <key>', 'this object (repeatable)', collect)
      .option('--key <file>', 'what signs the head (default: a key in the state directory)')
      .requiredOption('--out <file>', 'where to; never overwritten'),
    evidenceProve,
  );
}
