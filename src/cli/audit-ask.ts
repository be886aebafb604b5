import { FerryError } from '../base/errors.ts';

/** What of an audit is asked for on the command line. */
export interface AuditAsk {
  /** How many objects; `undefined` where confidence and tolerance say. */
  readonly sample: number | undefined;
  readonly confidence: number;
  readonly tolerance: number;
  readonly seed: string | undefined;
}

type Given = { readonly [name in 'sample' | 'confidence' | 'tolerance' | 'seed']?: string };

/** Where they are not said: one in a thousand, at 99 %. */
const CONFIDENCE = 0.99;
const TOLERANCE = 0.001;

/** @throws FerryError `usage`. */
export function auditAsk({ sample, confidence, tolerance, seed }: Given): AuditAsk {
  if (sample !== undefined && tolerance !== undefined)
    throw usage(`--tolerance ${tolerance}`, '--sample stands beside it', 'say one of the two');
  if (seed !== undefined && (seed === '' || !seed.isWellFormed()))
    throw usage('--seed', 'it is empty, or no UTF-8', 'give any text that nobody could have known before');
  return {
    sample: sample === undefined ? undefined : countOf(sample),
    confidence: confidence === undefined ? CONFIDENCE : partOf('--confidence', confidence, 'such as 0.99 or 99%', 0),
    tolerance: tolerance === undefined ? TOLERANCE : partOf('--tolerance', tolerance, 'such as 0.001 or 0.1%', -1),
    seed,
  };
}

function countOf(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (count > 0) return count;
  throw usage(`--sample ${text}`, 'it is no number of objects', 'write a whole number from 1 on, or all');
}

/** @param above what the part has to be more than; it has to be less than 1. */
function partOf(option: string, text: string, like: string, above: number): number {
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const part = digits === undefined ? Number.NaN : Number(percent === '%' ? `${digits}e-2` : digits);
  if (part > above && part < 1) return part;
  const range = above === 0 ? 'above 0 and below 1' : 'from 0 on and below 1';
  throw usage(`${option} ${text}`, `it is no part ${range}`, `write a number ${like}`);
}

function usage(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'audit', subject, why, hint });
}
