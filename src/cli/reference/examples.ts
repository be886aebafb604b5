type Examples = readonly (readonly [command: string, says: string])[];

/** Examples for `--help`, the man page and docs/reference.md, by the words after `ferry`. A test asks for each that there is. */
const EXAMPLES: Readonly<Record<string, Examples>> = {
  init: [['ferry init demo', 'demo/plan.yaml with a small legacy store, which runs as it is']],
  validate: [['ferry validate plan.yaml', 'schema and residency; no connection is opened']],
  plan: [
    ['ferry plan plan.yaml', 'what would happen'],
    ['ferry plan plan.yaml --out sealed.json', 'the same, sealed for approvals'],
  ],
  run: [
    ['ferry run plan.yaml', 'begin, or go on after any stop'],
    ['ferry run plan.yaml --until verified --partition nordic', 'one partition, and no source is touched'],
    ['ferry run plan.yaml --sealed sealed.json --approval sealed.anna.approval', 'with an approval'],
  ],
  status: [
    ['ferry status plan.yaml --json', 'for a script, also while a run is on'],
    ['ferry status plan.yaml --watch', 'a second look at a run that is on, until it ends'],
  ],
  recover: [
    ['ferry recover plan.yaml', 'after the state directory was lost'],
    ['ferry recover plan.yaml --evidence bundle --key evidence.pub', 'with what an exported bundle tells'],
  ],
  report: [['ferry report plan.yaml --out clover.html', 'where the plan stands, as a page']],
  limits: [
    ['ferry limits plan.yaml --bandwidth 20MiB/s', 'slower, at once'],
    ['ferry limits plan.yaml --clear', 'as the plan says again'],
  ],
  worker: [
    ['ferry worker plan.yaml --jurisdiction NO', 'takes shards of that plan alone'],
    ['ferry worker plan.yaml --jurisdiction NO --shards 4 --address temporal.example:7233 --tls', 'four at once'],
  ],
  pause: [['ferry pause plan.yaml', 'workers save what they have and wait']],
  resume: [['ferry resume plan.yaml', 'they go on']],
  verify: [['ferry verify plan.yaml', 'every copy is read again']],
  audit: [
    ['ferry audit plan.yaml --sample 500 --seed "drawn 2026-12-01"', 'a random sample that anyone can draw again'],
  ],
  restore: [
    ['ferry restore plan.yaml --key users/NO/kari/profile.json', 'one object'],
    ['ferry restore plan.yaml --partition nordic', 'all of a partition'],
  ],
  purge: [['ferry purge plan.yaml', 'asks for the plan’s name; what is past its hold is gone then']],
  cleanup: [['ferry cleanup plan.yaml', 'after a run that was given up']],
  doctor: [['ferry doctor plan.yaml', 'before the first run, and after a server was changed']],
  scan: [['ferry scan plan.yaml --all', 'everything that remains, one line each']],
  keygen: [['ferry keygen --out anna', 'anna.key and anna.pub']],
  approve: [['ferry approve sealed.json --key anna.key --what tombstone --for 14d', 'signs what was looked at']],
  evidence: [['ferry evidence --help', 'its commands']],
  'evidence export': [['ferry evidence export plan.yaml --out bundle', 'the signed log, for whoever asks for proof']],
  'evidence verify': [['ferry evidence verify bundle --key evidence.pub', 'checks it anywhere, without a network']],
  'evidence prove': [['ferry evidence prove plan.yaml --where user=kari --out kari.json', 'one person’s objects']],
  'evidence add': [['ferry evidence add plan.yaml --audit clover.audit.json', 'an auditor’s statement']],
  policy: [['ferry policy list', 'all residency rules']],
  'policy list': [['ferry policy list', 'each rule, why, and what it does not cover']],
  'policy explain': [['ferry policy explain R005', 'one rule']],
  'policy zone': [['ferry policy zone EEA', 'its members today']],
  'policy iam': [['ferry policy iam plan.yaml --role runner', 'the least rights at each bucket']],
  'policy access': [['ferry policy access plan.yaml', 'who used the ledger']],
  rehearse: [
    ['ferry rehearse plan.yaml --scenario calm --users 20', 'a first look, in a minute or so'],
    ['ferry rehearse plan.yaml --scenario hostile --junit rehearsal.xml', 'for CI'],
  ],
  explain: [
    ['ferry explain conflict', 'a state, and what to do'],
    ['ferry explain 75', 'an exit code'],
    ['ferry explain', 'all that there is'],
  ],
  completion: [
    ['source <(ferry completion bash)', 'in this shell; put the line into ~/.bashrc for all'],
    ['ferry completion zsh > ~/.zfunc/_ferry', 'zsh; ~/.zfunc has to be in its fpath'],
    ['ferry completion fish > ~/.config/fish/completions/ferry.fish', 'fish'],
  ],
  'upgrade-state': [
    ['ferry upgrade-state plan.yaml --dry-run', 'from which version to which'],
    ['ferry upgrade-state plan.yaml', 'do it; the ledger as it was stays beside it'],
  ],
};

export function examplesOf(path: string): Examples {
  return EXAMPLES[path] ?? [];
}

/** The part of `--help` behind the options; empty where there are none. */
export function examplesText(path: string): string {
  const examples = examplesOf(path);
  if (examples.length === 0) return '';
  return `\nExamples:\n${examples.map(([command, says]) => `  ${command}\n      ${says}`).join('\n')}`;
}
