import { z } from 'zod';
import { isMapping } from '../path.ts';
import { looksSecret } from '../show.ts';
import { choice, mapping, NAME, oneOf, text } from './parts.ts';
import { country, endpointSchema, pathSchema } from './places.ts';
import { expectSchema, pinSchema } from './trust.ts';

/** The name of an environment variable. People paste the secret itself here, so the value is never repeated. */
function variable(description: string) {
  return text('the name of an environment variable', description, {
    test: (value) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value) && !looksSecret(value),
    error:
      'this is not the name of an environment variable (letters, digits and "_", such as HAMAR_SECRET); a secret itself cannot stand in a plan',
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
  });
}

const PROFILE_OR_ENV = 'expected either "profile" or "accessKeyIdEnv" and "secretAccessKeyEnv"';

const environmentCredentials = mapping(
  {
    accessKeyIdEnv: variable('The environment variable that holds the access key id.'),
    secretAccessKeyEnv: variable('The environment variable that holds the secret access key.'),
    sessionTokenEnv: variable('The environment variable that holds the session token, if there is one.').optional(),
  },
  'Credentials from environment variables.',
  { profile: `"profile" cannot stand beside environment variables; ${PROFILE_OR_ENV}` },
);

const profileCredentials = mapping(
  { profile: text('the name of an AWS profile', 'A profile of the shared AWS configuration files.') },
  'Credentials from the AWS configuration files.',
  {
    accessKeyIdEnv: `"accessKeyIdEnv" cannot stand beside "profile"; ${PROFILE_OR_ENV}`,
    secretAccessKeyEnv: `"secretAccessKeyEnv" cannot stand beside "profile"; ${PROFILE_OR_ENV}`,
    sessionTokenEnv: `"sessionTokenEnv" cannot stand beside "profile"; ${PROFILE_OR_ENV}`,
  },
);

const credentialsSchema = choice(
  (value) => {
    if (!isMapping(value)) {
      return { expected: 'a mapping with "profile", or with "accessKeyIdEnv" and "secretAccessKeyEnv"' };
    }
    if (Object.keys(value).length === 0) {
      return { say: `${PROFILE_OR_ENV}; leave "credentials" out for the AWS default chain` };
    }
    return { branch: Object.hasOwn(value, 'profile') ? 1 : 0 };
  },
  [environmentCredentials, profileCredentials],
).meta({ description: 'Where the credentials come from; left out for the AWS default chain.' });

/** People paste the key itself here, so a value that could be one is refused and never repeated. */
const keyFile = pathSchema(
  'The file that holds the key: 32 bytes, or these as base64; relative to the plan file.',
).refine((value) => !/^([A-Za-z0-9+/_-]{43}=|[0-9a-fA-F]{64})$/.test(value), {
  error: 'a key itself cannot stand in a plan; write it to a file of mode 0600 and name that',
});

const keyHolder = () =>
  country('The country that whoever holds the keys is under; by default that of the store.').optional();

const ENCRYPTIONS = ['SSE-S3', 'SSE-KMS', 'SSE-C'] as const;

/** One branch a kind, so that a key can only stand where it means something. */
const encryptionSchema = z
  .discriminatedUnion(
    'type',
    [
      mapping(
        {
          type: z.literal('SSE-S3').meta({ description: 'With keys that the server manages.' }),
          keyHolder: keyHolder(),
        },
        'Encryption by the server with keys of its own.',
      ),
      mapping(
        {
          type: z.literal('SSE-KMS').meta({ description: 'With a key of the key management service.' }),
          keyId: text('the id of a key', "The key's id or ARN; by default the bucket's own.").optional(),
          keyHolder: keyHolder(),
        },
        'Encryption by the server with a key of its key management service.',
      ),
      mapping(
        {
          type: z.literal('SSE-C').meta({ description: 'With a key that goes along with each request.' }),
          keyEnv: variable('The environment variable that holds the key: 32 bytes as base64.').optional(),
          keyFile: keyFile.optional(),
          keyHolder: keyHolder(),
        },
        'Encryption by the server with a key that only its clients keep. Needs https.',
        // That one of the two stands there, checks/transport.ts sees to.
      ).meta({ oneOf: [{ required: ['keyEnv'] }, { required: ['keyFile'] }] }),
    ],
    { error: `a mapping with "type: ${ENCRYPTIONS.join('", "type: ')}"` },
  )
  .meta({ description: 'How objects are encrypted at rest: asked for on every write, and for SSE-C on every read.' });

const jurisdiction = () => country('The country whose law the store is under (ISO 3166-1 alpha-2).');

const fileStoreSchema = mapping(
  {
    type: z.literal('file').meta({ description: 'A directory tree.' }),
    path: pathSchema('The folder, relative to the plan file.'),
    keys: oneOf(
      ['refuse', 'escape'],
      'Whether keys that no path can hold are refused, or written with escapes; refused where it is left out.',
    ).optional(),
    links: oneOf(
      ['refuse', 'follow', 'record'],
      'Whether a symbolic link is refused, the file that it leads to, or an object of its own; refused where it is left out.',
    ).optional(),
    xattrs: oneOf(
      ['ignore', 'carry'],
      'Whether extended attributes of "user." go along; not told nor carried where it is left out.',
    ).optional(),
    jurisdiction: jurisdiction(),
  },
  'A store that is a directory tree.',
);

const s3StoreSchema = mapping(
  {
    type: z.literal('s3').meta({ description: 'A bucket, or a prefix in one.' }),
    endpoint: endpointSchema.optional(),
    region: text('the name of a region', 'The region that requests are signed for.', {
      test: (value) => /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(value),
      error: '{value} is no region; expected letters, digits, "-" and "_", such as eu-north-1',
      pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
    }),
    // Whether the name is a good one depends on the endpoint too: see checks/stores.ts.
    bucket: text('the name of a bucket', 'The bucket.'),
    // A prefix that does not end in "/" is taken as it is: keys are opaque, and "user" rightly selects "users/1" too.
    prefix: z
      .string({ error: 'the common beginning of the keys, such as users/' })
      .default('')
      .meta({ description: 'The store is what begins with it; keys are relative to it.' }),
    pathStyle: z.boolean({ error: 'true or false' }).optional().meta({
      description:
        'Whether the bucket stands in the path of a URL and not in its host; by default where an endpoint is given.',
    }),
    payload: z.enum(['signed', 'unsigned'], { error: 'signed or unsigned' }).default('signed').meta({
      description:
        'Whether the signature of a request covers the SHA-256 of its body too, or the server checks that by a signed header alone.',
    }),
    jurisdiction: jurisdiction(),
    credentials: credentialsSchema.optional(),
    encryption: encryptionSchema.optional(),
    expect: expectSchema.optional(),
    pin: pinSchema.optional(),
    ca: pathSchema(
      "A PEM file of certificate authorities for this store's server, beside the known ones; relative to the plan file.",
    ).optional(),
  },
  'A store that is a bucket, or a prefix in one.',
);

export const storeSchema = z
  .discriminatedUnion('type', [fileStoreSchema, s3StoreSchema], { error: 'a mapping with "type: file" or "type: s3"' })
  .meta({ description: 'A place that holds objects.' });

// The names are checked in checks/stores.ts, so that what is wrong inside a store is told as well; here the pattern only documents.
export const storesSchema = z
  .record(z.string().meta({ pattern: NAME.source }), storeSchema, {
    error: 'a mapping from the names of stores to stores',
  })
  .meta({ description: 'All stores by name.', minProperties: 1 });
