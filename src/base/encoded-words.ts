/*
 * Text that is not ASCII in a header: encoded words, `=?UTF-8?B?…?=` (RFC 2047). S3 takes user metadata apart by it on storing and
 * gives it back so encoded (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
 */

/** An encoded word has at most 75 characters: 45 bytes are 60 in base64, beside 12 of frame. */
const WORD_BYTES = 45;

/** Any text as ASCII: one or more words, with a space between them that counts for nothing. */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let held = '';
  for (const character of text) {
    if (Buffer.byteLength(held + character) > WORD_BYTES) {
      words.push(held);
      held = '';
    }
    held += character;
  }
  return [...words, held].map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join(' ');
}

const WORD = /=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi;

/** What a header's text means; words in a character set that is not known stay as they stand. */
export function decodeWords(text: string): string {
  const joined = text.replace(/\?=[ \t]+=\?/g, '?==?');
  return joined.replace(WORD, (word: string, charset: string, form: string, body: string) => {
    const bytes = form.toLowerCase() === 'b' ? Buffer.from(body, 'base64') : quoted(body);
    try {
      return new TextDecoder(charset.replace(/\*.*$/, ''), { fatal: true }).decode(bytes);
    } catch {
      return word;
    }
  });
}

function quoted(body: string): Uint8Array {
  const plain = body.replaceAll('_', ' ');
  return Buffer.from(
    plain.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** A header's value as the HTTP client gives it, a character a byte: read as UTF-8 where its bytes are that. */
export function headerText(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
