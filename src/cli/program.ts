import { Command, Help, Option } from 'commander';
import { type Egress, guardEgress } from '../base/egress.ts';
import { safeText } from '../base/safe-text.ts';
import { keepSecretsOf } from '../base/secrets.ts';
import { asFault } from '../engine/local.ts';
import { collect, withGlobals } from './command-line.ts';
import { type ApproveOptions, approve } from './commands/approve.ts';
import { type AuditOptions, auditCommand } from './commands/audit.ts';
import { cleanup } from './commands/cleanup.ts';
import { doctorCommand } from './commands/doctor.ts';
import { init } from './commands/init.ts';
import { type KeygenOptions, keygen } from './commands/keygen.ts';
import { type PlanOptions, planCommand } from './commands/plan.ts';
import { type PurgeOptions, purgeCommand } from './commands/purge.ts';
import { type RecoverOptions, recoverCommand } from './commands/recover.ts';
import type { ReportOptions } from './commands/report.ts';
import { type RestoreOptions, restoreCommand } from './commands/restore.ts';
import { type RunOptions, run } from './commands/run.ts';
import { type ScanOptions, scanCommand } from './commands/scan.ts';
import { type StatusOptions, status } from './commands/status.ts';
import { validate } from './commands/validate.ts';
import { verifyCommand } from './commands/verify.ts';
import { writeDocument } from './document.ts';
import { addEvidence } from './evidence-commands.ts';
import { PlanRejected } from './failure.ts';
import { addHabits } from './habit-commands.ts';
import type { GlobalOptions, Io, Verdict } from './io.ts';
import { addLimits } from './limits-commands.ts';
import { makeLog } from './log.ts';
import { placed } from './plan-file.ts';
import { addPolicy } from './policy-commands.ts';
import { PROGRESS_MODES } from './progress/types.ts';
import { examplesText } from './reference/examples.ts';
import { addRehearse } from './rehearse-command.ts';
import { withSettings } from './settings/settings.ts';
import { listenForSignals } from './signals.ts';
import { withTemporal } from './temporal-options.ts';
import { version } from './version.ts';
import { addWorkers } from './worker-commands.ts';

const SEALED = ['--sealed <file>', 'the sealed plan that the plan and its sources must still agree with'] as const;
const APPROVAL = ['--approval <file>', 'an approval of the sealed plan (repeatable)'] as const;

/** The command line. `ended` is told how the command that ran came to its end. */
export function makeProgram(ended: (verdict: Verdict) => void): Command {
  const program = new Command('ferry')
    .description(
      "Moves people's data out of legacy stores into EU/EEA data centres, and empties the source only after proof.",
    )
    .version(version())
    .showHelpAfterError('(--help tells more)')
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm })
    .exitOverride();
  const add = (name: string, description: string): Command =>
    withGlobals(program.command(name).description(description).exitOverride());
  const act = <T extends GlobalOptions>(
    command: Command,
    action: (argument: string, options: T, io: Io) => Promise<Verdict>,
  ): void => {
    command.action(async (argument: string) => {
      const signals = listenForSignals();
      // Before there is a plan no command has anything to connect to.
      const egress = guardEgress();
      try {
        const options = withSettings<T>(command, argument, process.env);
        ended(await action(argument, options, makeIo(options, signals, egress)));
      } catch (error) {
        throw error instanceof PlanRejected ? error : await placed(asFault(error, signals.stop), argument, process.env);
      } finally {
        egress.release();
        signals.release();
      }
    });
  };

  act(
    add('init', 'write a commented sample plan that runs as it is').argument('[dir]', 'where to', '.'),
    (dir, _options, io) => init(dir, io),
  );
  act(add('validate', 'check schema and residency; no network').argument('<plan>'), (file, _options, io) =>
    validate(file, io),
  );
  act<PlanOptions>(
    add('plan', 'dry run: inventory, coverage, conflicts, bytes, time; changes nothing')
      .argument('<plan>')
      .option('--out <file>', 'write the sealed plan there, for approvals')
      .option('--markdown', 'as Markdown, for a pull request'),
    planCommand,
  );
  act<RunOptions>(
    withTemporal(add('run', 'take every object to `finish`; run again after any stop to go on').argument('<plan>'))
      .addOption(
        new Option('--engine <name>', 'who does the work: this process, or workers that Temporal asks')
          .choices(['local', 'temporal'])
          .default('local'),
      )
      .option(
        '--shards-at-once <n>',
        'shards that workers work on at once, each with its part of the limits (default: 4)',
      )
      .addOption(
        new Option('--until <state>', 'stop before the plan does').choices(['copied', 'verified', 'tombstoned']),
      )
      .option('--partition <name>', 'only this partition (repeatable)', collect)
      .option('--no-list', 'list no source again whose listing is complete; what was written since is not found then')
      .addOption(new Option('--progress <mode>', 'how to show progress').choices([...PROGRESS_MODES]).default('auto'))
      .option(...SEALED)
      .option(...APPROVAL, collect),
    run,
  );
  act<StatusOptions>(
    withTemporal(add('status', 'counts per partition and state; works while a run is on').argument('<plan>')).option(
      '--watch',
      'show the run that is on until it ends, and end as it did; q leaves it',
    ),
    status,
  );
  addLimits(program, act);
  addWorkers(program, act);
  act(add('verify', 'read every migrated object at its centre again').argument('<plan>'), verifyCommand);
  act<AuditOptions>(
    add('audit', 'look at a random sample of what was migrated, and say what that proves; changes nothing')
      .argument('<plan>')
      .option('--sample <n>', 'how many objects, or all; left out: as many as confidence and tolerance take')
      .option('--confidence <c>', 'of the claim, such as 0.99 or 99% (default: 0.99)')
      .option('--tolerance <t>', 'what part may differ at most, such as 0.001 or 0.1% (default: 0.001)')
      .option('--seed <text>', 'of the draw; from the auditor, who shows with it that nobody chose')
      .option('--partition <name>', 'only this partition (repeatable)', collect)
      .option('--key <file>', "signs the result: the auditor's private key, or a public one that an SSH agent holds")
      .option('--out <file>', 'where the signed statement goes (default: PLAN-NAME.audit.json)')
      .option('--evidence <dir>', 'go by this bundle, which has keys in plain, and by no ledger')
      .option('--signer <file>', 'the public key of whoever signed the bundle'),
    auditCommand,
  );
  act<RestoreOptions>(
    add('restore', 'undo tombstones within their hold')
      .argument('<plan>')
      .option('--partition <name>', 'only this partition (repeatable)', collect)
      .option('--key <key>', 'only this object (repeatable)', collect),
    restoreCommand,
  );
  act<RecoverOptions>(
    add('recover', 'rebuild the ledger of a lost state directory from what the stores hold; changes no store')
      .argument('<plan>')
      .option('--evidence <dir>', 'the newest bundle of the lost ledger')
      .option('--key <file>', 'the public key of whoever signed the bundle')
      .option('--ledger <uuid>', 'which ledger was lost, where tombstones of several are found'),
    recoverCommand,
  );
  act<PurgeOptions>(
    add('purge', 'remove for good what tombstones past their hold still hide; asks, or takes --yes')
      .argument('<plan>')
      .option('--partition <name>', 'only this partition (repeatable)', collect)
      .option(...SEALED)
      .option(...APPROVAL, collect),
    purgeCommand,
  );
  act(
    add('cleanup', 'abort unfinished uploads of this plan and remove scratch that stopped runs left').argument(
      '<plan>',
    ),
    cleanup,
  );
  act(
    add('doctor', 'try what each store can do and the credentials may, on probe objects that are removed').argument(
      '<plan>',
    ),
    doctorCommand,
  );
  act<ScanOptions>(
    add('scan', 'what user data is still at the legacy stores, and why; changes nothing')
      .argument('<plan>')
      .option('--all', 'list everything that remains, one line each'),
    scanCommand,
  );
  act<KeygenOptions>(
    add('keygen', 'make a key pair of Ed25519, for approvals').option('--out <base>', 'BASE.key and BASE.pub', 'ferry'),
    (_none, options, io) => keygen(options, io),
  );
  act<ApproveOptions>(
    add('approve', 'show a sealed plan and sign that it may be carried out')
      .argument('<sealed>')
      .requiredOption('--key <file>', 'a private key, or a public one whose private key an SSH agent holds')
      .option('--what <list>', 'of run, tombstone, purge', 'tombstone')
      .option('--until <time>', 'a day (to its end, UTC) or a time such as 2030-12-31T12:00:00Z')
      .option('--for <duration>', 'how long from now (default: 30d)')
      .option('--out <file>', 'where to (default: SEALED.NAME.approval)'),
    approve,
  );
  act<ReportOptions>(
    add('report', 'where the plan stands as one page for people, with charts; works while a run is on')
      .argument('<plan>')
      .requiredOption('--out <file>', 'where to; another report there is replaced')
      .addOption(
        new Option('--keys <how>', 'of objects that need a person').choices(['plain', 'none']).default('plain'),
      ),
    // The library that draws is loaded by this command alone.
    async (file, options, io) => await (await import('./commands/report.ts')).reportCommand(file, options, io),
  );
  addEvidence(program, act);
  addPolicy(program, act);
  addRehearse(program, act);
  addHabits(program, act);
  addExamples(program, []);
  return program;
}

/** Each command's help ends with examples. */
function addExamples(command: Command, path: readonly string[]): void {
  for (const one of command.commands) {
    const its = [...path, one.name()];
    one.addHelpText('after', examplesText(its.join(' ')));
    addExamples(one, its);
  }
}

/** `policy` has commands of its own, and says so. */
function subcommandTerm(command: Command): string {
  return command.commands.length > 0 ? `${command.name()} [command]` : new Help().subcommandTerm(command);
}

function makeIo(
  options: GlobalOptions,
  signals: { readonly stop: AbortSignal; readonly abort: AbortSignal },
  egress: Egress,
): Io {
  const json = options.json === true;
  keepSecretsOf(process.env);
  return {
    env: process.env,
    egress,
    log: makeLog(options),
    stop: signals.stop,
    abort: signals.abort,
    json,
    color: options.color !== false && process.env['NO_COLOR'] === undefined,
    get screen() {
      const { isTTY, columns, rows } = process.stdout;
      return isTTY ? { columns: columns || 80, rows: rows || 24 } : undefined;
    },
    document: (value) => {
      if (json) writeDocument(value);
    },
    print: (text) => {
      if (!json) process.stdout.write(`${safeText(text)}\n`);
    },
    tell: (text) => {
      process.stderr.write(`${safeText(text)}\n`);
    },
  };
}
