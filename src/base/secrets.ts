/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/** A shorter value is a word of some language sooner than a secret, and would be taken out of words. Bytes. */
const SHORTEST = 8;

/** As many are known at a time: credentials that are renewed each hour must not fill the memory, nor slow the log. */
const MOST = 64;

/** Of each secret all forms; the oldest first. */
const known = new Map<string, readonly string[]>();

/** Longer ones first, so that of a secret within another nothing is left over. */
let forms: readonly string[] = [];

const SECRET =
  /(accesskeyid|accesskey|secretkey|apikey|privatekey|passw(or)?d|passphrase|secret|token|accountkey|connectionstring)$/;

/** Whether a field of this name would hold a secret; `secretAccessKeyEnv` and its like hold the name of a variable instead. */
export function isSecretName(name: string): boolean {
  return SECRET.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

/**
 * Makes a value known as a secret of this process: from here on `withoutSecrets` takes it out of what is logged and told. Whoever reads a
 * secret says so here, before using it.
 */
export function keepSecret(value: string | Uint8Array | undefined): void {
  if (value === undefined) return;
  const bytes = Buffer.from(typeof value === 'string' ? value.trim() : value);
  if (bytes.byteLength < SHORTEST) return;
  const name = bytes.toString('base64');
  if (known.has(name)) return;
  const oldest = known.keys().next();
  if (known.size >= MOST && oldest.done !== true) known.delete(oldest.value);
  known.set(name, formsOf(bytes));
  forms = [...known.values()].flat().toSorted((one, other) => other.length - one.length);
}

/** Makes known what stands in variables whose names are those of secrets, whether or not a plan names them. */
export function keepSecretsOf(env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(env)) {
    // A key id is no secret, and stands in answers that help to find a fault.
    if (isSecretName(name) && !/id$/i.test(name)) keepSecret(value);
  }
}

/** Makes the body of a private key known, line by line: as it stands in its file. */
export function keepSecretLines(text: string): void {
  for (const line of text.split('\n')) if (/^[A-Za-z0-9+/=]{16,}\s*$/.test(line)) keepSecret(line);
}

/** A text in which every known secret is replaced, in plain and as base64, base64url, hex, JSON or part of an address. */
export function withoutSecrets(text: string): string {
  // A search for each costs less than one expression of all, which would have to be compiled anew with each secret.
  let without = text;
  for (const form of forms) if (without.includes(form)) without = without.replaceAll(form, REDACTED);
  return without;
}

function formsOf(bytes: Buffer): readonly string[] {
  const found = [bytes.toString('hex'), bytes.toString('hex').toUpperCase()];
  for (const base64 of inBase64(bytes)) found.push(base64, base64.replaceAll('+', '-').replaceAll('/', '_'));
  const text = bytes.toString('utf8');
  // Bytes that are no text have no form of their own in a text.
  if (Buffer.from(text).equals(bytes)) found.push(text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text));
  return [...new Set(found)];
}

/** Of base64 at each place of three: what does not depend on the bytes beside them. */
function inBase64(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((whole.byteLength * 8) / 6);
    return whole.toString('base64').slice(first, last);
  });
}
