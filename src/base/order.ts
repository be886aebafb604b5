/**
 * Compares two strings as their UTF-8 bytes compare, which is the order of an S3 listing. JavaScript's own `<` compares
 * UTF-16 code units and puts U+10000 and above before U+E000 to U+FFFF.
 *
 * @returns negative, zero or positive.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xSurrogate = x >= 0xd800 && x <= 0xdfff;
    const ySurrogate = y >= 0xd800 && y <= 0xdfff;
    if (xSurrogate !== ySurrogate) return xSurrogate ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
