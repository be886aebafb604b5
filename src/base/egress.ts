import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { errorMonitor } from 'node:events';
import { isIP, Socket } from 'node:net';
import { type ConnectOptions, type Gate, hookConnections } from './egress-hooks.ts';
import { FerryError } from './errors.ts';
import { isLoopback, liesIn, plainHost } from './networks.ts';

/** Where connections may go. */
export interface Destination {
  /** A host or an address, or what hosts look like. */
  readonly host: string | RegExp;
  readonly port: number | 'any';
  /** Only where it resolves to the loopback: nothing is encrypted on this way. */
  readonly loopback?: true;
  /** Networks in CIDR notation that every address of the host must lie in. */
  readonly addresses?: readonly string[];
}

/** One row of what was reached: all connections of one scope to one address. */
export interface Reached {
  /** The store whose connections they were; `undefined` for what was made in no store's name, as for credentials. */
  readonly store: string | undefined;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly connections: number;
}

/** The guard over all connections of this process. */
export interface Egress {
  /** Lets the connections of a store, or those of nobody (`undefined`), go to some more destinations. */
  allow(store: string | undefined, destinations: readonly Destination[]): void;
  reached(): readonly Reached[];
  /** Ends it: from then on nothing is guarded. */
  release(): void;
}

export interface EgressOptions {
  /** Addresses of a host; the operating system's where left out. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For how long addresses are taken as they were before the host is resolved, and checked, again; a minute where left out. */
  readonly rememberedMs?: number;
}

/** Under this name an agent's options say which store its connections belong to. */
const STORE = Symbol('ferry.store');

/** Options for an `http.Agent` or `https.Agent`: its connections are that store's, and go to its destinations alone. */
export function connectionsOf(store: string): object {
  return { [STORE]: store };
}

const REMEMBERED_MS = 60_000;

const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy'];

let active: Guard | undefined;

/**
 * From here on every TCP and TLS connection of this thread goes through one dialer, whichever library opens it; at first none is
 * allowed. Names are resolved here, once for a connection, and it is made to one of the addresses that were checked. UDP is refused,
 * and so are look-ups of hosts that no destination names, and sockets of the file system but that of the SSH agent.
 *
 * A refusal is a `FerryError` `refused`, given as what the connection, request or look-up failed with. It does not reach child
 * processes, worker threads and native code (docs/egress.md).
 */
export function guardEgress(options: EgressOptions = {}): Egress {
  if (active !== undefined) throw new Error('there is a guard already');
  hookConnections(() => active);
  active = new Guard(options);
  return active;
}

/** The addresses that a host was last seen to have; none where no guard is on, or nothing was resolved. */
export function addressesSeen(host: string): readonly string[] {
  return active?.addressesOf(plainHost(host)) ?? [];
}

interface Connection {
  readonly store: string | undefined;
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** As they are before anything is hooked. */
const connectAsItWas = Socket.prototype.connect as (this: Socket, options: object, callback?: () => void) => Socket;
const lookupAsItWas = dns.promises.lookup;

class Guard implements Egress, Gate {
  readonly #resolve: (host: string) => Promise<readonly string[]>;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #allowed = new Map<string | undefined, Destination[]>();
  readonly #addresses = new Map<string, { readonly found: readonly string[]; readonly until: number }>();
  readonly #open = new Map<Socket, Connection>();
  readonly #closed = new Map<string, Reached>();
  readonly #rememberedMs: number;

  constructor({ resolve = bySystem, env = process.env, rememberedMs = REMEMBERED_MS }: EgressOptions) {
    this.#rememberedMs = rememberedMs;
    this.#resolve = resolve;
    this.#env = env;
  }

  allow(store: string | undefined, destinations: readonly Destination[]): void {
    this.#allowed.set(store, [...(this.#allowed.get(store) ?? []), ...destinations]);
  }

  reached(): readonly Reached[] {
    const sums = new Map(this.#closed);
    for (const [socket, connection] of this.#open) count(sums, socket, connection);
    return [...sums.values()];
  }

  release(): void {
    if (active === this) active = undefined;
  }

  addressesOf(host: string): readonly string[] {
    return this.#addresses.get(host)?.found ?? [];
  }

  refusedName(name: string): FerryError | undefined {
    const known = [...this.#allowed.values()].flat();
    if (isIP(name) !== 0 || known.some((one) => isAt(one, plainHost(name)))) return undefined;
    return refusal(name, 'no store of the plan has this name, so it is not looked up', NOWHERE);
  }

  refusedUdp(): FerryError {
    return refusal('UDP', 'no store of the plan is reached by UDP', NOWHERE);
  }

  connect(socket: Socket, options: ConnectOptions, callback: (() => void) | undefined): Socket {
    if (typeof options.path === 'string') {
      if (options.path === this.#env['SSH_AUTH_SOCK']) return connectAsItWas.call(socket, options, callback);
      const why = 'of the sockets of the file system only that of the SSH agent may be used';
      return socket.destroy(refusal(options.path, why, NOWHERE));
    }
    const store = (options as { readonly [STORE]?: string })[STORE];
    const host = plainHost(options.host ?? 'localhost');
    const port = Number(options.port);
    const to = this.#allowed.get(store)?.find((one) => (one.port === port || one.port === 'any') && isAt(one, host));
    if (to === undefined) return socket.destroy(this.#refusal(store, host, port));
    const wrong = isIP(host) === 0 ? undefined : misplaced(store, host, [host], to);
    if (wrong !== undefined) return socket.destroy(wrong);
    this.#follow(socket, store, host);
    return connectAsItWas.call(socket, { ...options, host, port, lookup: this.#lookup(store, to) }, callback);
  }

  /** What `net` calls in place of `dns.lookup`. */
  #lookup(store: string | undefined, to: Destination) {
    return (
      name: string,
      { all, family }: LookupOptions,
      done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
    ): void => {
      const host = plainHost(name);
      const answer = (error: Error | null, found: readonly string[] = []): void => {
        const wanted = family === 4 || family === 6 ? found.filter((one) => isIP(one) === family) : found;
        const [first] = wanted;
        if (error !== null) process.nextTick(done, error, '');
        else if (first === undefined) process.nextTick(done, notFound(host), '');
        else if (all === true)
          process.nextTick(
            done,
            null,
            wanted.map((address) => ({ address, family: isIP(address) })),
          );
        else process.nextTick(done, null, first, isIP(first));
      };
      this.#checked(store, host, to).then((found) => answer(null, found), answer);
    };
  }

  /** @throws FerryError where one of the host's addresses is not where it must be. */
  async #checked(store: string | undefined, host: string, to: Destination): Promise<readonly string[]> {
    const before = this.#addresses.get(host);
    const found = before !== undefined && before.until > Date.now() ? before.found : await this.#resolve(host);
    const wrong = misplaced(store, host, found, to);
    const until = wrong !== undefined ? 0 : found === before?.found ? before.until : Date.now() + this.#rememberedMs;
    this.#addresses.set(host, { found, until });
    if (wrong !== undefined) throw wrong;
    return found;
  }

  /** Counts what goes over a connection, from when there is one. */
  #follow(socket: Socket, store: string | undefined, host: string): void {
    // Where none comes about, the host may have moved.
    const failed = (): void => {
      const known = this.#addresses.get(host);
      if (known !== undefined) this.#addresses.set(host, { ...known, until: 0 });
    };
    socket.once(errorMonitor, failed);
    socket.once('connect', () => {
      socket.off(errorMonitor, failed);
      const { remoteAddress: address = '', remotePort: port = 0 } = socket;
      const connection = { store, host, address, port };
      this.#open.set(socket, connection);
      socket.once('close', () => {
        this.#open.delete(socket);
        count(this.#closed, socket, connection);
      });
    });
  }

  #refusal(store: string | undefined, host: string, port: number): FerryError {
    const proxy = this.#proxyAt(host, port);
    if (proxy !== undefined)
      return refusal(
        at(host, port),
        `${proxy} in the environment leads there, and ferry uses no proxy: it would see, and could change, where bytes go`,
        'unset it and NODE_USE_ENV_PROXY for ferry',
      );
    if (store === undefined) return refusal(at(host, port), 'no store of the plan is there', NOWHERE);
    const known = (this.#allowed.get(store) ?? []).flatMap(({ host: one, port: its }) =>
      typeof one === 'string' ? [at(one, its)] : [],
    );
    return refusal(
      at(host, port),
      `the store ${store} is not there`,
      `its connections go to ${known.slice(0, 4).join(', ') || 'no host at all'}; if it has moved, name where it is in stores.${store}.endpoint`,
    );
  }

  #proxyAt(host: string, port: number): string | undefined {
    return Object.keys(this.#env).find((name) => {
      const value = this.#env[name] ?? '';
      const text = value.includes('://') ? value : `http://${value}`;
      if (!PROXIES.includes(name.toLowerCase()) || !URL.canParse(text)) return false;
      const url = new URL(text);
      const itsPort = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
      return plainHost(url.hostname) === host && itsPort === port;
    });
  }
}

const NOWHERE =
  'ferry connects to the stores of its plan alone; if one is there, name it in stores.NAME.endpoint. What the AWS SDK asks for credentials may be asked only where a store uses a profile or the default chain';

function refusal(subject: string, why: string, hint: string, field?: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'open a connection',
    subject,
    why,
    hint,
    ...(field === undefined ? {} : { field }),
  });
}

function misplaced(
  store: string | undefined,
  host: string,
  found: readonly string[],
  { loopback, addresses }: Destination,
): FerryError | undefined {
  const open = loopback === true ? found.find((address) => !isLoopback(address)) : undefined;
  if (open !== undefined)
    return refusal(
      host,
      `the endpoint of the store ${store} is http://, and the host's address ${open} is not of the loopback: everything could be read on the way`,
      'name an https:// endpoint',
      `stores.${store}.endpoint`,
    );
  const outside = addresses === undefined ? undefined : found.find((address) => !liesIn(address, addresses));
  if (outside === undefined || addresses === undefined) return undefined;
  return refusal(
    host,
    `the store ${store} is declared to be in ${addresses.join(', ')}, but the host's address ${outside} was observed`,
    `see who answers for ${host}; if the address is right, put its network into stores.${store}.expect.addresses`,
    `stores.${store}.expect.addresses`,
  );
}

function isAt({ host }: Destination, asked: string): boolean {
  return typeof host === 'string' ? plainHost(host) === asked : host.test(asked);
}

function at(host: string, port: number | string): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function count(sums: Map<string, Reached>, socket: Socket, connection: Connection): void {
  const { store, host, address, port } = connection;
  const key = JSON.stringify([store, host, address, port]);
  const sum = sums.get(key) ?? { store, host, address, port, bytesIn: 0, bytesOut: 0, connections: 0 };
  const [bytesIn, bytesOut] = [sum.bytesIn + socket.bytesRead, sum.bytesOut + (socket.bytesWritten ?? 0)];
  sums.set(key, { ...sum, bytesIn, bytesOut, connections: sum.connections + 1 });
}

async function bySystem(host: string): Promise<readonly string[]> {
  return (await lookupAsItWas(host, { all: true })).map(({ address }) => address);
}

function notFound(host: string): Error {
  return Object.assign(new Error(`no address of ${host} is of use`), { code: 'ENOTFOUND' });
}
