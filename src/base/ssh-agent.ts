import { connect } from 'node:net';
import { type Ed25519PublicKey, type Signer, SSH_ED25519, verifies } from './ed25519.ts';
import { messageOf } from './errors.ts';
import { SshReader, sshString } from './ssh-wire.ts';

/** Numbers of messages (draft-miller-ssh-agent, section 6.1). */
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

/** More than an answer with a few thousand keys. */
const LONGEST = 4 * 1024 * 1024;

/** Long enough for a person to confirm at the agent (`ssh-add -c`, a prompt for a passphrase). */
const PATIENCE_MS = 120_000;

/**
 * A signer whose private key an SSH agent holds (https://datatracker.ietf.org/doc/draft-miller-ssh-agent/).
 *
 * @param socket what `SSH_AUTH_SOCK` names.
 * @throws Error that says why the agent cannot be used, or that it does not have the key.
 */
export async function agentSigner(socket: string, key: Ed25519PublicKey): Promise<Signer> {
  const answer = new SshReader(await ask(socket, Buffer.of(REQUEST_IDENTITIES)));
  if (answer.byte() !== IDENTITIES_ANSWER) throw new Error('the SSH agent does not tell its keys');
  const count = answer.uint32();
  for (let at = 0; at < count; at += 1) {
    const wire = answer.string();
    answer.string();
    if (wire.equals(key.wire)) return { key, sign: async (message) => await askToSign(socket, key, message) };
  }
  throw new Error(`the SSH agent does not have the key ${key.id}; add it with \`ssh-add\``);
}

async function askToSign(socket: string, key: Ed25519PublicKey, message: Uint8Array): Promise<Buffer> {
  const noFlags = Buffer.alloc(4);
  const request = Buffer.concat([Buffer.of(SIGN_REQUEST), sshString(key.wire), sshString(message), noFlags]);
  const answer = new SshReader(await ask(socket, request));
  if (answer.byte() !== SIGN_RESPONSE) throw new Error(`the SSH agent refuses to sign with the key ${key.id}`);
  const signature = new SshReader(answer.string());
  const kind = signature.text();
  const bytes = signature.string();
  if (kind !== SSH_ED25519 || !verifies(key, message, bytes)) {
    throw new Error(`what the SSH agent signed does not verify with the key ${key.id}`);
  }
  return bytes;
}

/** One request and its answer, without their lengths, over a connection of its own. */
function ask(socket: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    const fail = (why: string): void => {
      connection.destroy();
      reject(new Error(`the SSH agent at ${socket} cannot be used: ${why}`));
    };
    let got = Buffer.alloc(0);
    connection.setTimeout(PATIENCE_MS, () => fail(`no answer in ${PATIENCE_MS / 1000} s`));
    connection.once('error', (error) => fail(messageOf(error)));
    connection.once('close', () => fail('it closed the connection'));
    connection.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.byteLength < 4) return;
      const length = got.readUInt32BE();
      if (length === 0 || length > LONGEST) return fail('its answer makes no sense');
      if (got.byteLength < 4 + length) return;
      resolve(got.subarray(4, 4 + length));
      connection.destroy();
    });
    connection.write(sshString(request));
  });
}
