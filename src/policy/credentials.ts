import { isLoopback, plainHost } from '../base/networks.ts';
import type { Plan, S3StoreSpec } from '../plan/types.ts';
import type { Finding } from './residency.ts';
import { countriesOf } from './zone.ts';

/**
 * Credentials that a legacy store and a centre at another server share: what signs requests to one would be shown to the other. It is
 * an error where the source is outside the zone and the centre inside, since who can read the one could then write the other.
 */
export function judgeCredentials(plan: Plan): readonly Finding[] {
  const zone = countriesOf(plan.residency.zone);
  const pairs = new Map(plan.partitions.map(({ from, to }) => [JSON.stringify([from, to]), { from, to }]));
  return [...pairs.values()].flatMap(({ from, to }): Finding[] => {
    const [source, centre] = [plan.stores[from], plan.stores[to]];
    if (source?.type !== 's3' || centre?.type !== 's3') return [];
    const [one, other] = [serverOf(source), serverOf(centre)];
    if (one === other || (isHere(one) && isHere(other)) || !shares(source, centre)) return [];
    const crosses = !zone.has(source.jurisdiction) && zone.has(centre.jurisdiction);
    const message =
      `the centre ${to} and the legacy store ${from} have the same credentials at different servers, so each is shown the other's key id; ` +
      'give each store variables or a profile of its own';
    const subject = `stores.${to}.credentials`;
    return [{ rule: 'credentials', severity: crosses ? 'error' : 'warning', subject, message }];
  });
}

/** AWS is one server, whatever the region: accounts and their keys are those of all regions. */
function serverOf({ endpoint }: S3StoreSpec): string {
  return endpoint ?? 'AWS';
}

/** What is sent to a server of this machine has not left it. */
function isHere(server: string): boolean {
  if (!URL.canParse(server)) return false;
  const host = plainHost(new URL(server).hostname);
  return host === 'localhost' || isLoopback(host);
}

function shares({ credentials: one }: S3StoreSpec, { credentials: other }: S3StoreSpec): boolean {
  if (one.from === 'env' && other.from === 'env')
    return one.accessKeyIdEnv === other.accessKeyIdEnv || one.secretAccessKeyEnv === other.secretAccessKeyEnv;
  if (one.from === 'profile' && other.from === 'profile') return one.profile === other.profile;
  return one.from === 'default' && other.from === 'default';
}
