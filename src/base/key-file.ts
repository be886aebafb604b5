import { type Ed25519PublicKey, parsePublicKey, type Signer, signerOf } from './ed25519.ts';
import { readSmallFile } from './private-file.ts';
import { isPrivateKey, parsePrivateKey } from './private-key.ts';
import { keepSecretLines } from './secrets.ts';
import { agentSigner } from './ssh-agent.ts';

/** More than any key file of Ed25519 with a long comment. */
const LONGEST_KEY = 16 * 1024;

/** The public key in a file, OpenSSH or PEM. @throws Error that says why there is none, and repeats nothing of the file. */
export function readPublicKey(file: string): Ed25519PublicKey {
  return parsePublicKey(readSmallFile(file, LONGEST_KEY, () => false).toString('utf8'));
}

/**
 * What signs with the key of a file: a private key in it, which only its owner may have rights to; or the SSH agent, where the file
 * holds a public key.
 *
 * @param socket what `SSH_AUTH_SOCK` names, if anything.
 * @throws Error that says why it cannot be used, and repeats nothing of the file.
 */
export async function openSigner(file: string, socket: string | undefined): Promise<Signer> {
  const text = readSmallFile(file, LONGEST_KEY, (bytes) => isPrivateKey(bytes.toString('utf8'))).toString('utf8');
  if (isPrivateKey(text)) {
    keepSecretLines(text);
    return signerOf(parsePrivateKey(text));
  }
  const key = parsePublicKey(text);
  if (socket === undefined || socket === '') {
    throw new Error('it is a public key, and SSH_AUTH_SOCK names no SSH agent that could sign with it');
  }
  return await agentSigner(socket, key);
}
