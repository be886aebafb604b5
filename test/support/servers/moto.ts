import { findMoto } from './programs.ts';
import { type OwnServer, startServer } from './server.ts';

/** A server that keeps everything in memory, and asks for no right keys. */
export async function startMoto(): Promise<OwnServer> {
  const python = await findMoto();
  const server = { name: 'moto', accessKey: 'anyone', secretKey: 'anything' };
  const program = (port: number) => [python, '-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)];
  return await startServer(server, '/moto-api/', program);
}
