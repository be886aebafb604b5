import { type Command, Option } from 'commander';
import { FORMATS, ROLES } from '../policy/iam.ts';
import { type Act, withGlobals } from './command-line.ts';
import { type IamOptions, policyAccess, policyIam, policyList, policyZone } from './commands/policy.ts';

/** `ferry policy …` */
export function addPolicy(program: Command, act: Act): void {
  const policy = program
    .command('policy')
    .description('residency rules, zones, least rights, and who used the ledger')
    .exitOverride();
  const add = (name: string, description: string): Command =>
    withGlobals(policy.command(name).description(description).exitOverride());
  act(add('list', 'the residency rules'), (_none, _options, io) => policyList(undefined, io));
  act(add('explain', 'one residency rule').argument('<rule>'), (id, _options, io) => policyList(id, io));
  act(add('zone', 'members of a built-in zone, with dates and sources').argument('<name>'), (name, _options, io) =>
    policyZone(name, io),
  );
  act<IamOptions>(
    add('iam', 'the least that a role needs at each bucket, as a policy')
      .argument('<plan>')
      .addOption(new Option('--role <role>', 'who it is for').choices(ROLES).makeOptionMandatory())
      .option('--store <name>', 'only this store')
      .addOption(new Option('--format <format>', 'for which server').choices(FORMATS).default('aws')),
    policyIam,
  );
  act(add('access', 'who used the ledger, when and from where').argument('<plan>'), policyAccess);
}
