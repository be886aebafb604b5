import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newKeyPair, parsePublicKey, publicKeyOfObject, verifies } from '../../src/base/ed25519.ts';
import { openSigner, readPublicKey } from '../../src/base/key-file.ts';
import { parsePrivateKey } from '../../src/base/private-key.ts';
import { sshAgent, sshKey } from '../support/ssh.ts';
import { tempDir } from '../support/temp.ts';

const MESSAGE = Buffer.from('what is signed');

/** RFC 8032, section 7.1, test 2. */
const RFC = {
  seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  open: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  message: '72',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
};

it('verifies the vector of RFC 8032, and nothing near it', () => {
  const key = publicKeyOfObject(
    createPrivateKey({
      key: Buffer.from(`302e020100300506032b657004220420${RFC.seed}`, 'hex'),
      format: 'der',
      type: 'pkcs8',
    }),
  );
  expect(key.wire.subarray(-32).toString('hex')).toBe(RFC.open);
  const [message, signature] = [Buffer.from(RFC.message, 'hex'), Buffer.from(RFC.signature, 'hex')];
  expect(verifies(key, message, signature)).toBe(true);
  expect(verifies(key, Buffer.from('73', 'hex'), signature)).toBe(false);
  expect(verifies(key, message, signature.subarray(1))).toBe(false);
});

describe('a key of ssh-keygen', () => {
  it('has the id that ssh-keygen shows, from each of its files and as PEM', async () => {
    const dir = tempDir();
    const { file, publicFile, id } = sshKey(dir, 'one');
    const privateKey = parsePrivateKey(readFileSync(file, 'utf8'));
    expect(readPublicKey(publicFile).id).toBe(id);
    expect(publicKeyOfObject(privateKey).id).toBe(id);
    const pem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString();
    expect(parsePublicKey(pem).id).toBe(id);
    expect(parsePrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()).equals(privateKey)).toBe(
      true,
    );
    const signer = await openSigner(file, undefined);
    expect(verifies(readPublicKey(publicFile), MESSAGE, await signer.sign(MESSAGE))).toBe(true);
  });

  it('signs through a real agent, which alone has the private half', async () => {
    const dir = tempDir();
    const [one, two] = [sshKey(dir, 'one'), sshKey(dir, 'two')];
    const socket = await sshAgent(two.file, one.file);
    const signer = await openSigner(one.publicFile, socket);
    expect(signer.key.id).toBe(one.id);
    expect(verifies(readPublicKey(one.publicFile), MESSAGE, await signer.sign(MESSAGE))).toBe(true);
    const third = sshKey(dir, 'three');
    await expect(openSigner(third.publicFile, socket)).rejects.toThrow(/does not have the key SHA256:/);
    await expect(openSigner(one.publicFile, undefined)).rejects.toThrow(/SSH_AUTH_SOCK/);
    await expect(openSigner(one.publicFile, join(dir, 'nothing'))).rejects.toThrow(/cannot be used/);
  });

  it('is refused when it is encrypted, of another kind, or open to others', async () => {
    const dir = tempDir();
    const locked = sshKey(dir, 'locked', { passphrase: 'a passphrase' });
    await expect(openSigner(locked.file, undefined)).rejects.toThrow(/encrypted.*agent/);
    const ecdsa = sshKey(dir, 'ecdsa', { type: 'ecdsa' });
    await expect(openSigner(ecdsa.file, undefined)).rejects.toThrow(/Ed25519/);
    expect(() => readPublicKey(ecdsa.publicFile)).toThrow(/Ed25519/);
    const open = sshKey(dir, 'open');
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(open.file, mode);
      await expect(openSigner(open.file, undefined)).rejects.toThrow(/chmod 600/);
    }
    expect(() => readPublicKey(open.file)).toThrow(/private key/);
  });
});

it('refuses encrypted PEM, RSA and damaged files, and repeats nothing of them', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const locked = privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  expect(() => parsePrivateKey(locked)).toThrow(/encrypted/);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  expect(() => parsePrivateKey(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())).toThrow(/Ed25519/);
  expect(() => parsePublicKey(rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString())).toThrow(/Ed25519/);
  const { file } = sshKey(tempDir(), 'one');
  const lines = readFileSync(file, 'utf8').split('\n');
  for (let cut = 1; cut < lines.length - 1; cut += 1) {
    const damaged = lines.toSpliced(cut, 1).join('\n');
    let told = 'nothing';
    try {
      parsePrivateKey(damaged);
    } catch (error) {
      told = String(error);
    }
    expect(told).not.toBe('nothing');
    for (const line of lines.slice(1, -2)) expect(told).not.toContain(line.slice(0, 12));
  }
});

it('refuses a public line whose base64 is cut off or followed by another line', () => {
  const { openssh } = newKeyPair().key;
  expect(parsePublicKey(`${openssh} somebody\n`).openssh).toBe(openssh);
  for (const line of [openssh.slice(0, -1), openssh.slice(0, -4), `${openssh}\n${openssh}`, `ssh-rsa ${openssh}`, '']) {
    expect(() => parsePublicKey(line), line).toThrow();
  }
});

it('does not believe an agent whose signature does not verify', async () => {
  const dir = tempDir();
  const { publicFile } = sshKey(dir, 'one');
  const key = readPublicKey(publicFile);
  const text = (value: Uint8Array | string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(value));
    return Buffer.concat([length, Buffer.from(value)]);
  };
  const listed = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), text(key.wire), text('comment')]);
  const forged = Buffer.concat([Buffer.of(14), text(Buffer.concat([text('ssh-ed25519'), text(Buffer.alloc(64, 7))]))]);
  const server = createServer((socket) => {
    socket.once('data', (request) => socket.end(text(request[4] === 11 ? listed : forged)));
  });
  onTestFinished(() => void server.close());
  const path = join(dir, 'liar');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const signer = await openSigner(publicFile, path);
  await expect(signer.sign(MESSAGE)).rejects.toThrow(/does not verify/);
});

it('is the key that openssl reads, where keygen of ferry made it', () => {
  const dir = tempDir();
  const { key, privatePem } = newKeyPair();
  const file = join(dir, 'k');
  writeFileSync(file, privatePem, { mode: 0o600 });
  const pem = execFileSync('openssl', ['pkey', '-in', file, '-pubout'], { encoding: 'utf8' });
  expect(parsePublicKey(pem).id).toBe(key.id);
});
