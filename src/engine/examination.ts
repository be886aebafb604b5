import { randomUUID } from 'node:crypto';
import { FerryError, messageOf } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import { type CapabilityRow, capabilitiesOf, type StoreUse, useOf } from '../migration/capabilities.ts';
import { PROBE_PREFIX } from '../migration/probe.ts';
import { TRIALS } from '../migration/trials.ts';
import type { Shown } from '../store/probes.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { DoctorWork, ExaminedStore, FoundCapability, Made } from './examined.ts';
import { interrupted, outOfReach } from './local.ts';

/** What was shown, and how to mend it where that is not what the table says. */
type Told = Shown & { readonly fix?: string; readonly isUntried?: true };

/** For trials; opening has the whole of the policy. */
const TRIAL_ATTEMPTS = 3;

/** What was written is removed also when the program is ended, but no store is waited for without end. */
const TIDY_MS = 30_000;

const FAR: readonly string[] = ['unreachable', 'transient', 'throttled'];

/** The whole of one store. */
export class Examination {
  readonly #work: DoctorWork;
  readonly #store: Store;
  readonly #use: StoreUse;
  readonly #left: string[] = [];
  /** Why nothing at all is tried any more. */
  #blocked: string | undefined;
  /** Why nothing is written any more. */
  #unwritable: string | undefined;
  #written = false;
  #unreachable = false;
  /** The probe object that `write` made, until `remove` has removed it. */
  #first: string | undefined;
  readonly #unmade: StoreError | undefined;

  constructor(work: DoctorWork, { store, failure }: Made) {
    this.#work = work;
    this.#store = store;
    this.#unmade = failure;
    this.#use = useOf(work.plan, store.name, store.kind);
  }

  async whole(): Promise<ExaminedStore> {
    const found: FoundCapability[] = [];
    try {
      for (const row of capabilitiesOf(this.#store.kind)) {
        if (this.#work.stop.aborted) throw interrupted();
        found.push(this.#found(row, await this.#told(row)));
      }
    } finally {
      if (this.#first !== undefined) await this.#tidied(this.#first);
      await this.#store.close();
    }
    const lacking = found.some((one) => this.#lacks(one)) || (this.#left.length > 0 && !this.#unreachable);
    const { name, location } = this.#store;
    const ok = !lacking && !this.#unreachable && this.#left.length === 0;
    const { role } = this.#use;
    const [unreachable, written, left] = [this.#unreachable, this.#written, this.#left];
    return { name, role, location, ok, unreachable, lacking, written, left, capabilities: found, ...this.#observed() };
  }

  /** Kept with its date; where nothing was seen this time, what was seen last. */
  #observed(): Pick<ExaminedStore, 'observed'> {
    const { name, observed } = this.#store;
    const { reach } = this.#work.ledger;
    if (observed !== undefined) reach.observe(name, observed);
    const last = reach.observed(name);
    return last === undefined ? {} : { observed: { ...last, observedAt: new Date(last.observedAt).toISOString() } };
  }

  #found(row: CapabilityRow, told: Told): FoundCapability {
    const { ledger, clock } = this.#work;
    const { result, detail, warning } = told;
    if (result === 'unknown') ledger.probes.recordUnknown(this.#store.name, row.id);
    else ledger.probes.record(this.#store.name, row.id, result === 'yes');
    const needed = row.needed(this.#use);
    const fix = told.fix ?? this.#fix(row, told);
    return {
      id: row.id,
      result,
      needed,
      detail,
      ...(fix === undefined ? {} : { fix }),
      ...(warning === undefined ? {} : { warning }),
      probedAt: new Date(clock.now()).toISOString(),
    };
  }

  #fix(row: CapabilityRow, { result, warning, isUntried }: Told): string | undefined {
    const needed = row.needed(this.#use);
    if (result === 'unknown') {
      // What was not tried for another's sake is mended with that.
      const isGap = needed && row.weight === 'safety' && isUntried !== true;
      return isGap ? 'see why it could not be tried, and run `ferry doctor` again' : undefined;
    }
    const isWorse = result === 'no' && (needed || (row.weight === 'fact' && row.either !== true));
    if (!isWorse && warning !== true) return undefined;
    return typeof row.fix === 'function' ? row.fix(this.#use) : row.fix;
  }

  #lacks({ id, result, needed }: FoundCapability): boolean {
    if (!needed || result === 'yes' || (id === 'reach' && this.#unreachable)) return false;
    const weight = capabilitiesOf(this.#store.kind).find((row) => row.id === id)?.weight;
    return result === 'no' || (weight === 'safety' && !this.#unreachable);
  }

  async #told(row: CapabilityRow): Promise<Told> {
    if (row.id === 'reach') return await this.#reach();
    if (this.#blocked !== undefined && !(row.id === 'clock' && this.#store.kind === 's3'))
      return untried(this.#blocked);
    switch (row.id) {
      case 'write':
        return await this.#write(row);
      case 'read':
        return await this.#tried(row, this.#first ?? newKey());
      case 'remove':
        return await this.#remove();
    }
    if (row.writes && this.#unwritable !== undefined) return untried(this.#unwritable);
    return await this.#triedAnew(row);
  }

  async #reach(): Promise<Told> {
    const { retry: policy, makes, signal } = this.#work;
    try {
      if (this.#unmade !== undefined) throw this.#unmade;
      await retry(() => this.#store.open({ create: false, signal }), policy);
      const isFolder = this.#store.kind === 'file' && makes(this.#store.name);
      return { result: 'yes', detail: isFolder ? 'it is there, or a run makes it' : 'it is there' };
    } catch (error) {
      const refused = error instanceof FerryError && error.fault === 'refused' ? error : undefined;
      if (refused === undefined && !(error instanceof StoreError)) throw error;
      this.#blocked = 'the store could not be opened';
      if (!(error instanceof StoreError)) return { result: 'no', detail: refused?.why ?? '', fix: refused?.hint ?? '' };
      const { fault, hint } = outOfReach(error);
      this.#unreachable = fault === 'unreachable';
      return { result: 'no', detail: error.why, ...(this.#unreachable ? {} : { fix: hint }) };
    }
  }

  async #write(row: CapabilityRow): Promise<Told> {
    const reason = await this.#store.probes?.keepsWhatIsWritten?.({ signal: this.#work.signal }).catch(unlessDenied);
    if (reason !== undefined) {
      this.#unwritable = reason;
      return { ...untried(reason), fix: 'try the same server with a bucket that has no default retention' };
    }
    this.#first = newKey();
    const told = await this.#tried(row, this.#first);
    if (told.result === 'yes') {
      this.#written = true;
      return told;
    }
    // An answer that was lost may have written all the same.
    if (await this.#tidied(this.#first)) this.#first = undefined;
    this.#unwritable = 'nothing could be written';
    return told;
  }

  async #remove(): Promise<Told> {
    if (this.#unwritable !== undefined || this.#first === undefined) return untried(this.#unwritable ?? 'no object');
    const key = this.#first;
    this.#first = undefined;
    const failure = await this.#failureToTidy(key);
    if (failure === undefined) return { result: 'yes', detail: 'nothing stays behind' };
    this.#unwritable = 'what was written before could not be removed';
    return { result: 'no', detail: `${messageOf(failure)}; ${JSON.stringify(key)} stays behind` };
  }

  /** A trial, with another key at each attempt: what a lost answer has written cannot mislead the next. */
  async #triedAnew(row: CapabilityRow): Promise<Told> {
    return await this.#caught(row, async () => {
      const key = newKey();
      try {
        if (row.writes) this.#written = true;
        return await this.#once(row, key);
      } finally {
        if (row.writes) await this.#tidied(key);
      }
    });
  }

  async #tried(row: CapabilityRow, key: string): Promise<Told> {
    return await this.#caught(row, async () => await this.#once(row, key));
  }

  async #once(row: CapabilityRow, key: string): Promise<Told> {
    const [store, use, signal] = [this.#store, this.#use, this.#work.signal];
    const raw = store.probes?.trials.get(row.id);
    if (raw !== undefined) return await raw(key, { signal });
    const trial = TRIALS.get(row.id);
    return trial === undefined ? untried('this kind of store has no trial of it') : trial({ store, key, use, signal });
  }

  /** What a trial could not find out is told, and stops no other; a store that is gone stops all. */
  async #caught(row: CapabilityRow, trial: () => Promise<Told>): Promise<Told> {
    const attempts = this.#blocked === undefined ? TRIAL_ATTEMPTS : 1;
    try {
      return await retry(trial, { ...this.#work.retry, attempts });
    } catch (error) {
      if (error instanceof FerryError && error.fault === 'refused') return { result: 'unknown', detail: error.why };
      if (!(error instanceof StoreError)) throw error;
      if (FAR.includes(error.kind) && row.needed(this.#use)) this.#unreachable = true;
      if (error.kind === 'unreachable') this.#blocked ??= 'the store could not be reached any more';
      return { result: 'unknown', detail: error.why };
    }
  }

  async #tidied(key: string): Promise<boolean> {
    if ((await this.#failureToTidy(key)) === undefined) return true;
    this.#unwritable = 'what was written before could not be removed';
    return false;
  }

  /** Clears a key also when the program is being ended: it would else leave an object in someone's store. */
  async #failureToTidy(key: string): Promise<unknown> {
    const { clock } = this.#work;
    const signal = AbortSignal.timeout(TIDY_MS);
    try {
      await retry(async () => await this.#store.probes?.tidy(key, { signal }), {
        attempts: TRIAL_ATTEMPTS,
        clock,
        signal,
      });
      return undefined;
    } catch (error) {
      this.#left.push(key);
      this.#work.leftBehind(this.#store.name, key);
      return error;
    }
  }
}

function newKey(): string {
  return PROBE_PREFIX + randomUUID();
}

function untried(why: string): Told {
  return { result: 'unknown', detail: `not tried: ${why}`, isUntried: true };
}

/** A bucket that does not tell its rules is taken to have none: what stays behind is then told. */
function unlessDenied(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error;
}
