import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FerryError, messageOf } from '../../base/errors.ts';
import { planJsonSchema } from '../../plan/json-schema.ts';
import type { Io, Verdict } from '../io.ts';

/** `ferry init [DIR]`: a commented plan, its JSON Schema for editors, and a few sample objects, so that the plan runs as it is. */
export async function init(dir: string, io: Io): Promise<Verdict> {
  const folder = resolve(dir);
  const files: readonly (readonly [string, string])[] = [
    ['plan.yaml', SAMPLE_PLAN],
    ['plan.schema.json', `${JSON.stringify(planJsonSchema(), undefined, 2)}\n`],
    ...SAMPLE_OBJECTS.map(([key, text]) => [join('legacy', key), text] as const),
  ];
  for (const [name, text] of files) await writeNew(join(folder, name), text);
  const plan = join(dir, 'plan.yaml');
  io.document({ plan: join(folder, 'plan.yaml'), files: files.map(([name]) => join(folder, name)) });
  io.print(
    `Wrote ${plan} with a small legacy store beside it.\n\nNext:\n  ferry plan ${plan}    what would happen\n  ferry run ${plan}     do it`,
  );
  return 'done';
}

/** Never writes over what is there. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'write the sample plan',
      subject: file,
      why: messageOf(error),
      hint: 'name an empty directory: `ferry init DIR`',
      cause: error,
    });
  }
}

const SAMPLE_OBJECTS: readonly (readonly [string, string])[] = [
  ['users/NO/kari/profile.json', '{"name":"Kari","country":"NO"}\n'],
  ['users/SE/sven/profile.json', '{"name":"Sven","country":"SE"}\n'],
  ['users/SE/sven/posts/2024/hello.txt', 'Hej!\n'],
  ['users/IE/aoife/profile.json', '{"name":"Aoife","country":"IE"}\n'],
  ['users/DE/jonas/profile.json', '{"name":"Jonas","country":"DE"}\n'],
  ['tmp/upload-7f3a.part', 'half an upload\n'],
];

const SAMPLE_PLAN = `# yaml-language-server: $schema=./plan.schema.json
#
# A ferry plan: which objects of the legacy stores go to which centre. This one runs as it is.
#   ferry validate plan.yaml    check it, without touching any store
#   ferry plan plan.yaml        dry run: what would happen
#   ferry run plan.yaml         copy, verify, and only then put a tombstone in the place of each source object
#   ferry restore plan.yaml     undo the tombstones
apiVersion: ferry/v1
name: sample

# The countries that user data may be in: EU, EEA, or ISO 3166-1 alpha-2 codes.
residency: { zone: [EEA] }
# Where ferry itself runs. Every byte passes through it.
runner: { jurisdiction: IE }

stores:
  # Where the data is now. Paths are relative to this file.
  legacy: { type: file, path: ./legacy, jurisdiction: SG }

  # Where it goes. An S3 centre would look like this; secrets never stand in a plan:
  #   hamar:
  #     type: s3
  #     endpoint: https://s3.hamar.example
  #     region: no-1
  #     bucket: users
  #     jurisdiction: NO
  #     credentials: { accessKeyIdEnv: HAMAR_KEY, secretAccessKeyEnv: HAMAR_SECRET }
  hamar: { type: file, path: ./centres/hamar, jurisdiction: NO }
  dublin: { type: file, path: ./centres/dublin, jurisdiction: IE }

# Tried in order; the first that selects a key has it.
partitions:
  - name: nordic
    from: legacy
    select: { pattern: "users/{country}/{user}/**", where: { country: [NO, SE, DK, FI, IS] } }
    to: hamar
  - name: rest
    from: legacy
    select: { prefix: "users/" }
    to: dublin

# What stays behind on purpose. An object that neither a partition nor an exclude names stops the run.
exclude:
  - { from: legacy, prefix: "tmp/", reason: "scratch files, no user data" }

verify: readback       # readback: read every byte again at the centre; attested: trust the checksum that the store keeps
finish: tombstoned     # copied | verified | tombstoned
tombstone: { hold: 30d, approvals: 0 }
limits: { concurrency: 16 }
`;
