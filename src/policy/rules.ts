import type { Rule } from './finding.ts';
import { approversInsideZone, enoughApprovers, operatorNotAlone } from './people.ts';
import {
  centresInsideZone,
  controlInsideZone,
  keyHoldersInsideZone,
  nothingLeavesZone,
  restoresStayInside,
  runnerInsideZone,
} from './places.ts';

/** All residency rules, in the order of their ids. They judge what the plan declares; docs/policy.md is checked against this table. */
export const RULES: readonly Rule[] = [
  {
    id: 'R001',
    title: 'every centre is inside the zone',
    reason: 'user data rests at its centre for good',
    doesNotCover: 'where the machines really stand: the jurisdiction is what the plan declares',
    mend: 'name a centre inside the zone, or widen residency.zone if the law allows it',
    check: centresInsideZone,
  },
  {
    id: 'R002',
    title: 'nothing is copied from inside the zone to outside',
    reason: 'a migration must not be the way out for data that is inside already',
    doesNotCover: 'what other programs copy, and a restore to a source outside the zone (R008)',
    mend: 'choose a centre inside the zone',
    check: nothingLeavesZone,
  },
  {
    id: 'R003',
    title: 'ferry runs inside the zone',
    reason: 'every byte that is sent or verified passes through its memory',
    doesNotCover: 'the way that packets take between the stores and ferry; a runner that is not declared is a warning',
    mend: 'run it inside the zone',
    check: runnerInsideZone,
  },
  {
    id: 'R004',
    title: 'every approver is inside the zone',
    reason: 'who decides on user data must be under the law that protects it',
    doesNotCover: 'where someone is when approving: the jurisdiction is what the plan declares',
    mend: 'name an approver inside the zone',
    check: approversInsideZone,
  },
  {
    id: 'R005',
    title: "whoever holds the keys of a centre's encryption is inside the zone",
    reason: 'a key that is held outside is access from outside',
    doesNotCover: 'keys of sources; a holder that is not declared is taken to be where the store is',
    mend: 'use keys that are held inside the zone',
    check: keyHoldersInsideZone,
  },
  {
    id: 'R006',
    title: 'no more approvals are asked for than approvers inside the zone can give',
    reason: 'such a plan could never be approved, and someone would be tempted to lower the number in haste',
    doesNotCover:
      'revoked keys in files, which are judged with their approvals; with no approvers at all it is a warning, and run refuses the first tombstone',
    mend: 'name more approvers inside the zone, each with a key of their own',
    check: enoughApprovers,
  },
  {
    id: 'R007',
    title: 'the operator is not the only one who can approve',
    reason: 'nobody approves their own work alone',
    doesNotCover: 'an operator whom the plan does not name, and two names of one person',
    mend: 'name another approver inside the zone',
    check: operatorNotAlone,
  },
  {
    id: 'R008',
    title: 'what a restore brings back does not come out of a centre',
    reason: 'with tombstone.keep: centre a restore to a source outside the zone copies data out of it again',
    doesNotCover:
      'plans that leave tombstone.keep out, where buckets without versioning do the same; it is a warning, since a restore is an order of its own',
    mend: 'use keep: version or keep: staged, or do not restore',
    check: restoresStayInside,
  },
  {
    id: 'R009',
    title: 'the control store is inside the zone',
    reason: 'keys, sizes and digests of user data lie there while workers share the work',
    doesNotCover: 'where a Temporal server runs: it is told numbers of shards and counts, and no key',
    mend: 'name a control store inside the zone',
    check: controlInsideZone,
  },
];
