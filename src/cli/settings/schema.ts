import { z } from 'zod';
import { mapping, oneOf, text, whole } from '../../plan/schema/parts.ts';
import { LEVELS } from '../log.ts';
import { PROGRESS_MODES } from '../progress/types.ts';

/**
 * What an operator may set once for all commands: how ferry talks and where it keeps its own files. Nothing here may weaken a rule, so
 * there is no `yes`, no approval, and the concurrency can only be lowered.
 */
export const settingsSchema = mapping(
  {
    logLevel: oneOf(LEVELS, 'As --log-level.').optional(),
    logFile: text('a file', 'As --log-file; relative to the configuration.').optional(),
    progress: oneOf(PROGRESS_MODES, 'As --progress of run.').optional(),
    color: z.boolean({ error: 'true or false' }).optional().meta({ description: 'false is as --no-color.' }),
    stateParent: text(
      'a folder',
      'The state of a plan is in the folder of its name in here; relative to the configuration.',
    ).optional(),
    maxConcurrency: whole(1, 1024, 'The concurrency of a plan and of its windows is lowered to it.').optional(),
  },
  'Defaults for all commands.',
);

export type Settings = z.infer<typeof settingsSchema>;

/** The variables that stand before the configuration. */
export const VARIABLES = {
  logLevel: 'FERRY_LOG_LEVEL',
  logFile: 'FERRY_LOG_FILE',
  progress: 'FERRY_PROGRESS',
  stateParent: 'FERRY_STATE_PARENT',
  maxConcurrency: 'FERRY_MAX_CONCURRENCY',
} as const satisfies Partial<Record<keyof Settings, string>>;
