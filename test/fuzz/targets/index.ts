import type { Target } from '../target.ts';
import { ledger } from './ledger.ts';
import { manifest } from './manifest.ts';
import { plan } from './plan.ts';
import { s3 } from './s3.ts';
import { envelopes, marker, sealed } from './signed.ts';

export const TARGETS: readonly Target[] = [plan, manifest, sealed, envelopes, marker, ledger, s3];
