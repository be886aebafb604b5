import type { Head } from '../../evidence/head.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { formatBytes } from '../../plan/units.ts';

/** What a person reads first of a bundle. */
export function summaryText(ledger: Ledger, head: Head): string {
  const rows = ledger.queries.tallies().map(({ partition, objects, bytes, states }) => {
    const counts = Object.entries(states).filter(([, count]) => count > 0);
    return `| ${partition} | ${objects} | ${formatBytes(bytes)} | ${counts.map(([state, count]) => `${state} ${count}`).join(', ')} |`;
  });
  return `${[
    `# Evidence of the plan ${head.plan.name}`,
    '',
    `Signed ${head.at} by ferry ${head.tool.version}. Plan digest ${head.plan.digest}.`,
    `The log has ${head.size} leaves; the root of its tree is`,
    '',
    `    ${head.root}`,
    '',
    '| partition | objects | bytes | outcomes |',
    '|---|---|---|---|',
    ...rows,
    '',
    'Check it without a network: `ferry evidence verify DIR --key PUB`, with the public key from whoever signed it,',
    'not from this folder. docs/evidence.md of ferry tells every file byte for byte.',
  ].join('\n')}\n`;
}
