import type { Logger } from 'pino';
import type { EngineEvent, Listener } from '../engine/events.ts';

/** Writes what the engine tells to the log: faults as warnings, each object's moves at `debug`. */
export function logListener(log: Logger): Listener {
  return (event: EngineEvent) => {
    switch (event.type) {
      case 'retry':
        log.warn(event, 'trying again');
        return;
      case 'unresolved':
        log.warn(event, 'needs a person');
        return;
      case 'listed':
        log.info(event, 'inventory is complete');
        return;
      case 'listing':
      case 'moved':
        log.debug(event, event.type);
        return;
    }
  };
}
