import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { openRouter, type Router } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { Dice } from './dice.ts';
import type { PopulationModel } from './model.ts';
import { excluded, population, type SyntheticObject } from './population.ts';
import { outsideOf, type Stage } from './stage.ts';

const AT_ONCE = 8;
/** Of a hundred objects, those that late writers may touch. */
const TOUCHABLE = 15;
const NEIGHBOUR = 'ferry-rehearsal-neighbour/notes.txt';

export interface Filled {
  objects: number;
  bytes: number;
}

/** Manifests of made-up keys in the place of the plan's, by the index of the partition. */
export async function writeManifests(
  plan: Plan,
  model: PopulationModel,
  seed: number,
  dir: string,
): Promise<ReadonlyMap<number, string>> {
  const manifests = new Map<number, string>();
  for (const [index, partition] of plan.partitions.entries()) {
    if (partition.select.by !== 'manifest') continue;
    const path = join(dir, `manifest-${index}.ndjson`);
    const only = {
      ...model,
      partitions: model.partitions.map((one, at) => (at === index ? one : { ...one, objects: 0 })),
    };
    const lines: string[] = [];
    for (const { key } of population(plan, only, seed)) lines.push(`${JSON.stringify({ key })}\n`);
    await writeFile(path, lines.join(''));
    manifests.set(index, path);
  }
  return manifests;
}

/** Puts a part of the population at the legacy stores, and into the log; with the last part also what else is there. */
export async function fill(
  stage: Stage,
  copy: Plan,
  model: PopulationModel,
  part: { readonly samples: boolean; readonly rest: boolean; readonly touchable: boolean },
): Promise<Filled> {
  const { seed, signal } = stage;
  const filled: Filled = { objects: 0, bytes: 0 };
  const filler = new Filler(stage, copy, await openRouter(copy), part.touchable, filled);
  try {
    const wave = function* (): Generator<SyntheticObject> {
      for (const object of population(stage.plan, model, seed)) {
        if (object.sample ? part.samples : part.rest) yield object;
      }
      if (part.rest) yield* excluded(stage.plan, seed);
    };
    const objects = wave();
    const lane = async (): Promise<void> => {
      for (const object of objects) {
        signal.throwIfAborted();
        await filler.put(object);
      }
    };
    // One generator for all lanes: each takes the next, and one that ends does not end it for the others.
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    if (part.rest) await filler.neighbours();
  } finally {
    filler.close();
  }
  return filled;
}

class Filler {
  readonly #stage: Stage;
  readonly #copy: Plan;
  readonly #router: Router;
  readonly #touchable: boolean;
  readonly #filled: Filled;
  readonly #dice: Dice;
  /** Partitions whose centre already holds other bytes under one key. */
  readonly #planted = new Set<string>();

  constructor(stage: Stage, copy: Plan, router: Router, touchable: boolean, filled: Filled) {
    this.#stage = stage;
    this.#copy = copy;
    this.#router = router;
    this.#touchable = touchable;
    this.#filled = filled;
    this.#dice = new Dice(`${stage.seed}/fill`);
  }

  close(): void {
    this.#router.close();
  }

  async put({ from, key, bytes, sample }: SyntheticObject): Promise<void> {
    const { log, plan } = this.#stage;
    const route = this.#router.route(from, key);
    if (route.to === 'unassigned') return;
    const partition = route.to === 'partition' ? plan.partitions[route.index] : undefined;
    const plants =
      partition !== undefined && !sample && partition.versions === 'current' && !this.#planted.has(partition.name);
    const touched =
      this.#touchable && partition !== undefined && !sample && !plants && this.#dice.below(100) < TOUCHABLE;
    const sha256 = sha256Hex(bytes);
    const { name, to: centre } = partition ?? {};
    if (!log.add({ store: from, key, partition: name, centre, sha256, sample, touched })) return;
    if (plants && partition !== undefined) {
      this.#planted.add(partition.name);
      await this.#plant(from, partition.to, key);
    }
    await outsideOf(this.#stage, from).put(key, bytes, this.#noteFor(from, centre, sha256));
    this.#filled.objects += 1;
    this.#filled.bytes += bytes.byteLength;
  }

  /** Something at each centre that is none of the plan's. */
  async neighbours(): Promise<void> {
    for (const centre of new Set(this.#copy.partitions.map(({ to }) => to))) {
      const bytes = Buffer.from(`This was at ${centre} before, and is nobody's business.\n`);
      await outsideOf(this.#stage, centre).put(NEIGHBOUR, bytes);
      this.#stage.log.addForeigner(centre, NEIGHBOUR, sha256Hex(bytes));
    }
  }

  async #plant(from: string, centre: string, key: string): Promise<void> {
    const bytes = Buffer.from(`Other bytes of ${key} that ${centre} held before.\n`);
    await outsideOf(this.#stage, centre).put(key, bytes);
    this.#stage.log.plant(from, key, sha256Hex(bytes));
  }

  /** Metadata goes along only from bucket to bucket; a folder would make it a loss that the plan has to accept. */
  #noteFor(from: string, centre: string | undefined, sha256: string): string | undefined {
    const isBucket = (name: string): boolean => outsideOf(this.#stage, name).kind === 's3';
    return centre !== undefined && isBucket(from) && isBucket(centre) ? sha256.slice(0, 12) : undefined;
  }
}
