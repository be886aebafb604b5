import { freePort } from '../../../src/rehearsal/minio.ts';
import { startProcess } from './process.ts';
import { findToxiproxy } from './programs.ts';

/** What is done to a connection: https://github.com/Shopify/toxiproxy#toxics. */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'reset_peer' | 'timeout' | 'limit_data';
  /** `downstream` is what the server sends. */
  readonly stream: 'upstream' | 'downstream';
  /** The share of connections that it is done to, from 0 to 1; to all, where left out. */
  readonly toxicity?: number;
  readonly attributes: Readonly<Record<string, number>>;
}

/** A way to one server that can be made worse. */
export interface Way {
  readonly endpoint: string;
  /** Does it to all connections from now on, also to those that are open. */
  poison(toxic: Toxic): Promise<void>;
  /** Ends it; connections that it held up are closed. */
  heal(): Promise<void>;
  /** Ends it for new data; what was dropped stays lost, and the connections that lost it stay open. */
  forget(): Promise<void>;
}

export interface Toxiproxy {
  /** A new way to a server. */
  to(endpoint: string): Promise<Way>;
  stop(): Promise<void>;
}

export async function startToxiproxy(): Promise<Toxiproxy> {
  const program = await findToxiproxy();
  const port = await freePort();
  const api = `http://127.0.0.1:${port}`;
  const started = await startProcess(
    [program, '-host', '127.0.0.1', '-port', String(port), '-seed', '1'],
    `${api}/version`,
  );
  if (typeof started === 'string') throw new Error(`toxiproxy does not come up: ${started}`);
  const ask = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(api + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  let ways = 0;
  return {
    to: async (endpoint) => {
      ways += 1;
      const name = `way${ways}`;
      const made = await ask('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream: new URL(endpoint).host });
      const toxics = `/proxies/${name}/toxics`;
      const poisoned: string[] = [];
      return {
        endpoint: `http://${String(made['listen'])}`,
        poison: async (toxic) => {
          const id = `toxic${poisoned.length}`;
          await ask('POST', toxics, { ...toxic, name: id });
          poisoned.push(id);
        },
        heal: async () => {
          for (const id of poisoned.splice(0)) await ask('DELETE', `${toxics}/${id}`);
        },
        forget: async () => {
          for (const id of poisoned) await ask('POST', `${toxics}/${id}`, { toxicity: 0 });
        },
      };
    },
    stop: started.stop,
  };
}
