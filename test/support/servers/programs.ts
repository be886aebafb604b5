import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtOnce, serverCache } from '../../../src/rehearsal/server-cache.ts';

const run = promisify(execFile);

type Tell = (text: string) => void;

/** Makes all of them ready. @throws Error with what is missing, where one is not to be had. */
export async function prepareServers(tell: Tell): Promise<void> {
  await findVersitygw(tell);
  await findMoto(tell);
  await findToxiproxy(tell);
  await findTemporal(tell);
}

/** The project publishes no binary where tests can get one, so it is built with Go: about a minute, once. */
export const VERSITYGW_VERSION = 'v1.8.0';

/** @throws Error with what `go` said, where it cannot be built: tests that need it fail, and are not left out. */
export async function findVersitygw(tell: Tell = () => undefined): Promise<string> {
  const cache = serverCache('versitygw', VERSITYGW_VERSION);
  return await goBuilt(cache, 'versitygw', `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW_VERSION}`, tell);
}

/** Delays, cuts and resets connections between a client and a server. Built with Go in some seconds, once. */
export const TOXIPROXY_VERSION = 'v2.5.0';

/** @throws Error with what `go` said, where it cannot be built: tests that need it fail, and are not left out. */
export async function findToxiproxy(tell: Tell = () => undefined): Promise<string> {
  const cache = serverCache('toxiproxy', TOXIPROXY_VERSION);
  // What `go install` makes of it is called `server`, which would tell nobody whose it is.
  const source = `github.com/Shopify/toxiproxy/v2/cmd/server@${TOXIPROXY_VERSION}`;
  return await goBuilt(cache, 'toxiproxy', source, tell, 'server');
}

/** @param made what `go install` calls the program. */
async function goBuilt(cache: string, name: string, source: string, tell: Tell, made = name): Promise<string> {
  return await builtOnce(cache, name, async (gobin) => {
    tell(`building ${source} with Go; this can take a minute or more, once`);
    await run('go', ['install', source], { env: { ...process.env, GOBIN: gobin }, maxBuffer: 64 * 1024 * 1024 });
    return join(gobin, made);
  });
}

/** Newer ones want a newer Go. */
export const TEMPORAL_VERSION = 'v1.30.7';

/** @throws Error with what `go` said, where it cannot be built: tests that need it fail, and are not left out. */
export async function findTemporal(tell: Tell = () => undefined): Promise<string> {
  return await builtOnce(serverCache('temporal', TEMPORAL_VERSION), 'temporal-server', async (gobin) => {
    tell(`building the Temporal server ${TEMPORAL_VERSION} with Go; this takes some minutes, once`);
    await run('go', ['install', `go.temporal.io/server/cmd/server@${TEMPORAL_VERSION}`], {
      env: { ...process.env, GOBIN: gobin },
      maxBuffer: 64 * 1024 * 1024,
    });
    return join(gobin, 'server');
  });
}

/** The last version that runs on every Python from 3.8 on. */
export const MOTO_VERSION = '5.0.28';

/** What moto's extra `server` would bring for S3 alone; the whole of it is ten times as much. */
const PACKAGES = [`moto[s3]==${MOTO_VERSION}`, 'flask!=2.2.0,!=2.2.1', 'flask-cors'];

/**
 * @returns a Python that has moto, in an environment of its own for each version of Python.
 * @throws Error with what `python3` or `pip` said: tests that need it fail, and are not left out.
 */
export async function findMoto(tell: Tell = () => undefined): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const cache = serverCache('moto', `${MOTO_VERSION}-python${stdout.trim()}`);
  const venv = await builtOnce(cache, 'venv', async (dir) => {
    tell(`installing moto ${MOTO_VERSION} for Python ${stdout.trim()}; this takes half a minute, once`);
    const made = join(dir, 'venv');
    await run('python3', ['-m', 'venv', made]);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
    await run(join(made, 'bin', 'python'), install, { maxBuffer: 64 * 1024 * 1024 });
    return made;
  });
  return join(venv, 'bin', 'python');
}
