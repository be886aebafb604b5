import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

/** The options of `socket.connect`, as far as they say where to. */
export interface ConnectOptions {
  readonly host?: string | null;
  readonly port?: number | string;
  readonly path?: string | null;
}

/** Who decides what gets out. */
export interface Gate {
  /** In place of `socket.connect`; returns the socket, which a refusal destroys. */
  connect(socket: Socket, options: ConnectOptions, callback: (() => void) | undefined): Socket;
  /** Why a name, or the name of an address, is not to be looked up; `undefined` where it may be. */
  refusedName(name: string): Error | undefined;
  refusedUdp(): Error;
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

let gateNow: (() => Gate | undefined) | undefined;

/**
 * Puts a gate, whenever there is one, before the places where Node lets anything out of this thread.
 * `net.Socket.prototype.connect` is what `tls`, `http`, `https`, `http2` and undici (`fetch`) open their connections with.
 */
export function hookConnections(gate: () => Gate | undefined): void {
  if (gateNow !== undefined) return;
  gateNow = gate;
  replace(Socket.prototype, 'connect', (before) => {
    return function connect(this: unknown, ...args: unknown[]) {
      const gate = gateNow?.();
      if (gate === undefined) return before.apply(this, args);
      const { options, callback } = connectArguments(args);
      return gate.connect(this as Socket, options, callback);
    };
  });
  for (const name of ['send', 'connect']) replace(dgram.Socket.prototype, name, refusesUdp);
  for (const target of [dns, dns.Resolver.prototype]) replaceLookups(target, refusesInCallback);
  for (const target of [dns.promises, dns.promises.Resolver.prototype]) replaceLookups(target, refusesInPromise);
  // For who has imported them by name.
  syncBuiltinESMExports();
}

function replaceLookups(target: object, by: (before: Call, name: string) => Call): void {
  for (const name of Object.getOwnPropertyNames(target))
    if (/^(lookup|lookupService|reverse|resolve\w*)$/.test(name)) replace(target, name, (before) => by(before, name));
}

function replace(target: object, name: string, by: (before: Call) => Call): void {
  const before: unknown = Reflect.get(target, name);
  if (typeof before === 'function') Reflect.set(target, name, by(before as Call));
}

/** The forms of `socket.connect`: options, path, or port and host; or, between Node's own modules, a list of options and callback. */
function connectArguments(args: readonly unknown[]): {
  readonly options: ConnectOptions;
  readonly callback: (() => void) | undefined;
} {
  const [first, second] = args;
  if (Array.isArray(first)) return connectArguments(first);
  const last = args.findLast((one) => typeof one === 'function') as (() => void) | undefined;
  if (typeof first === 'object' && first !== null) return { options: first, callback: last };
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { options: { path: first }, callback: last };
  const options = { port: first as number, ...(typeof second === 'string' ? { host: second } : {}) };
  return { options, callback: last };
}

function refusesUdp(before: Call): Call {
  return function udp(this: unknown, ...args: unknown[]) {
    const error = gateNow?.()?.refusedUdp();
    if (error === undefined) return before.apply(this, args);
    const done = args.at(-1);
    if (typeof done === 'function') process.nextTick(done as Call, error);
    else process.nextTick(() => (this as dgram.Socket).emit('error', error));
    return undefined;
  };
}

function refusesInCallback(before: Call, name: string): Call {
  return function resolve(this: unknown, ...args: unknown[]) {
    const error = gateNow?.()?.refusedName(asked(name, args[0]));
    if (error === undefined) return before.apply(this, args);
    const done = args.at(-1);
    if (typeof done === 'function') process.nextTick(done as Call, error);
    return undefined;
  };
}

function refusesInPromise(before: Call, name: string): Call {
  return function resolve(this: unknown, ...args: unknown[]) {
    const error = gateNow?.()?.refusedName(asked(name, args[0]));
    return error === undefined ? before.apply(this, args) : Promise.reject(error);
  };
}

/** These two send an address to a name server, and whoever runs that learns of it. */
function asked(name: string, about: unknown): string {
  return name === 'reverse' || name === 'lookupService' ? `the name of ${String(about)}` : String(about);
}
