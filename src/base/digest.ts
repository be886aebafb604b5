import { hash } from 'node:crypto';
import { canonicalJson, type Json } from './canonical.ts';

/** SHA-256 (FIPS 180-4) of bytes or of a string's UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** SHA-256 of a value's canonical JSON (RFC 8785), as `sha256:` and 64 hex digits. */
export function digestOf(value: Json): string {
  return `sha256:${sha256Hex(canonicalJson(value))}`;
}
