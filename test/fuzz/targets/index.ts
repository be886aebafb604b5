import type { Target } from '../target.ts';
import { s3 } from './s3.ts';

export const TARGETS: readonly Target[] = [s3];
