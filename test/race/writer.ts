import { randomUUID } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Dice } from '../../src/rehearsal/dice.ts';
import { bytesOf, clientOf, keyOf, makeFolderOf, type Place, sha256 } from './places.ts';
import { WriteLog } from './write-log.ts';

/**
 * An application that knows nothing of ferry: it overwrites objects at random without looking first, until its standard input ends.
 * `node writer.ts CONFIG.json`. It says `writing` once its first write was acknowledged.
 */
export interface WriterConfig {
  readonly place: Place;
  readonly objects: number;
  readonly seed: string;
  readonly log: string;
  /** A folder on the file system of a `file` place, outside of it. */
  readonly temp: string;
  /** Writes under way at once, each of another object. */
  readonly lanes: number;
  /** The longest that an application holds a file open between two calls, in milliseconds. */
  readonly dawdleMs: number;
  /** The longest pause of a lane between two writes, in milliseconds. */
  readonly pauseMs: number;
}

type Write = (key: string, bytes: Uint8Array, note: string | undefined) => Promise<void>;

const config = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as WriterConfig;
const { place } = config;
const dice = new Dice(config.seed);
const log = await WriteLog.open(config.log);
const busy = new Set<string>();
let stopping = false;
let counter = 0;
process.stdin.once('end', () => {
  stopping = true;
});
process.stdin.resume();

const ways: Readonly<Record<string, Write>> = place.type === 'file' ? fileWays(place.dir) : bucketWays(place);
const names = Object.keys(ways);
await Promise.all(Array.from({ length: config.lanes }, lane));
await log.close();
process.exit(0);

async function lane(): Promise<void> {
  while (!stopping) {
    const key = keyOf(dice.below(config.objects));
    if (busy.has(key)) continue;
    busy.add(key);
    await writeOnce(key);
    busy.delete(key);
    await delay(dice.below(config.pauseMs + 1));
  }
}

async function writeOnce(key: string): Promise<void> {
  counter += 1;
  const n = counter;
  const how = names[dice.below(names.length)] ?? '';
  const bytes = bytesOf(key, n, dice.below(3_000));
  const note = how === 'put with metadata' ? { note: String(n) } : {};
  await log.append({ n, key, how, sha256: sha256(bytes), ...note });
  try {
    await ways[how]?.(key, bytes, note.note);
  } catch (error) {
    await log.append({ n, ok: false, why: String(error) });
    return;
  }
  await log.append({ n, ok: true });
  if (n === 1) process.stdout.write('writing\n');
}

function fileWays(dir: string): Readonly<Record<string, Write>> {
  const fileOf = (key: string): string => join(dir, key);
  const inPlace = async (file: string, flags: 'r+' | 'w', bytes: Uint8Array): Promise<void> => {
    const handle = await open(file, flags);
    try {
      const middle = Math.floor(bytes.byteLength / 2);
      await delay(dice.below(config.dawdleMs + 1));
      await handle.write(bytes, 0, middle, 0);
      await delay(dice.below(config.dawdleMs + 1));
      await handle.write(bytes, middle, bytes.byteLength - middle, middle);
      await handle.truncate(bytes.byteLength);
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const renamed = async (file: string, bytes: Uint8Array): Promise<void> => {
    const fresh = join(config.temp, randomUUID());
    const handle = await open(fresh, 'wx');
    await handle.writeFile(bytes);
    await handle.sync();
    await handle.close();
    await rename(fresh, file);
  };
  return {
    truncated: (key, bytes) => inPlace(fileOf(key), 'w', bytes),
    'in place': async (key, bytes) => {
      try {
        await inPlace(fileOf(key), 'r+', bytes);
      } catch (error) {
        // An application that finds no file makes one.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        await inPlace(fileOf(key), 'w', bytes);
      }
    },
    renamed: (key, bytes) => renamed(fileOf(key), bytes),
    'deleted and made': async (key, bytes) => {
      await unlink(fileOf(key)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await delay(dice.below(config.dawdleMs + 1));
      await makeFolderOf(fileOf(key));
      await inPlace(fileOf(key), 'w', bytes);
    },
  };
}

function bucketWays({ endpoint, bucket: Bucket }: Extract<Place, { type: 's3' }>): Readonly<Record<string, Write>> {
  const client = clientOf(endpoint, process.env);
  const put: Write = async (Key, Body, note) => {
    const Metadata = note === undefined ? {} : { Metadata: { note } };
    await client.send(new PutObjectCommand({ Bucket, Key, Body, ...Metadata }));
  };
  return {
    put,
    'put again': put,
    'put with metadata': put,
    'deleted and put': async (Key, Body, note) => {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      await delay(dice.below(config.dawdleMs + 1));
      await put(Key, Body, note);
    },
  };
}
