import { z } from 'zod';
import { isNetwork } from '../../base/networks.ts';
import { parseSize } from '../units.ts';
import { approverName, mapping, text } from './parts.ts';
import { country } from './places.ts';

/** As `ssh-keygen -l` shows a key: base64 of SHA-256 without padding. */
const KEY_ID = /^SHA256:[A-Za-z0-9+/]{43}$/;

const publicKey = text(
  'a public key: "ssh-ed25519 AAAA…", or the path of a file that holds one',
  'An Ed25519 public key as OpenSSH writes it, or the path of a file with one (OpenSSH or PEM), relative to the plan file.',
  {
    test: (value) =>
      value !== '' &&
      !/PRIVATE KEY/.test(value) &&
      (!/^(ssh|ecdsa)-/.test(value) || /^ssh-ed25519 AAAA[A-Za-z0-9+/=]+( .*)?$/.test(value)),
    error: 'this is no Ed25519 public key; expected "ssh-ed25519 AAAA…" or the path of a file that holds a public key',
  },
);

export const approversSchema = z
  .array(
    mapping(
      {
        name: approverName('Who approves; stands in approvals and in the evidence.'),
        jurisdiction: country('The country that the approver is under.'),
        key: publicKey,
      },
      'Someone who may approve a sealed plan.',
    ),
    { error: 'a list of approvers with name, jurisdiction and key' },
  )
  .meta({ description: 'Who may approve sealed plans of this plan.' });

export const revokedSchema = z
  .array(
    text('the id of a key, such as SHA256:…', 'The id of a key, as `ferry keygen` and `ssh-keygen -l` show it.', {
      test: (value) => KEY_ID.test(value),
      error: '{value} is no key id; expected SHA256: and 43 characters, as `ssh-keygen -l` shows it',
      pattern: KEY_ID.source,
    }),
    { error: 'a list of key ids' },
  )
  .meta({ description: 'Keys whose approvals do not count any more.' });

export const driftSchema = mapping(
  {
    objects: z
      .int({ error: 'a whole number of objects' })
      .min(0, { error: '{value} is out of range; expected a whole number from 0 on' })
      .default(0)
      .meta({ description: 'By how many objects the sources may differ from what was sealed.' }),
    bytes: text('a size such as 64MiB', 'By how many bytes they may differ.', {
      test: (value) => parseSize(value) !== undefined,
      error: '{value} is no size; expected a whole number and a unit, such as 64MiB',
      pattern: '^[0-9]+(B|kB|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)?$',
    }).default('0'),
  },
  'How much the sources may have changed since a plan was sealed; more makes it stale.',
);

/** A secret itself, pasted in place of the file's name. */
const SECRET = /^([A-Za-z0-9+/_-]{43}=|[0-9a-fA-F]{64})$/;

export const evidenceSchema = mapping(
  {
    saltFile: text(
      'the path of a file',
      'A file that holds the secret that keys are hashed with in the evidence: 32 bytes as 64 hex digits; relative to the plan file. Left out, ferry makes one and keeps it in its ledger.',
      {
        test: (value) => value !== '' && !SECRET.test(value),
        error: 'a secret itself cannot stand in a plan; write it to a file of mode 0600 and name that',
      },
    ).optional(),
  },
  'How evidence is made.',
);

const HOST = /^\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const CIDR = /^[0-9A-Fa-f:.]+\/\d{1,3}$/;

export const expectSchema = mapping(
  {
    region: text('the name of a region', 'What the server must say of the bucket (GetBucketLocation).').optional(),
    hosts: z
      .array(
        text('a host, or the end of one such as .example.eu', 'A host, or with a leading dot the end of one.', {
          test: (value) => HOST.test(value),
          error: '{value} is no host; expected one such as s3.example.eu, or the end of one such as .example.eu',
          pattern: HOST.source,
        }),
        { error: 'a list of hosts' },
      )
      .min(1, { error: 'the list is empty; leave it out where nothing is expected' })
      .optional()
      .meta({ description: 'The endpoint must be one of these.' }),
    addresses: z
      .array(
        text('a network such as 192.0.2.0/24', 'A network in CIDR notation.', {
          test: isNetwork,
          error: '{value} is no network; expected CIDR notation such as 192.0.2.0/24 or 2001:db8::/32',
          pattern: CIDR.source,
        }),
        { error: 'a list of networks' },
      )
      .min(1, { error: 'the list is empty; leave it out where nothing is expected' })
      .optional()
      .meta({ description: 'Every address that the endpoint resolves to must lie in one of these.' }),
  },
  'What must be observed of the store; a difference is refused.',
);

export const pinSchema = z
  .array(
    text(
      'sha256/ and the base64 of a digest',
      'SHA-256 of the certificate’s public key (SPKI), as RFC 7469 writes it.',
      {
        test: (value) => /^sha256\/[A-Za-z0-9+/]{43}=$/.test(value),
        error: '{value} is no pin; expected sha256/ and the base64 of a SHA-256',
        pattern: '^sha256/[A-Za-z0-9+/]{43}=$',
      },
    ),
    { error: 'a list of pins' },
  )
  .min(1, { error: 'the list is empty; leave it out where nothing is pinned' })
  .meta({ description: 'The server must show a certificate with one of these keys.' });
