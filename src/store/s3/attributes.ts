import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { type Attributes, StoreError } from '../store.ts';

/** What HeadObject and GetObject tell beside the bytes. */
export interface AttributeOutput {
  readonly ContentType?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}

type AttributeInput = Pick<
  PutObjectCommandInput,
  'ContentType' | 'ContentEncoding' | 'ContentLanguage' | 'ContentDisposition' | 'CacheControl' | 'Metadata'
>;

export function attributesOf(output: AttributeOutput): Attributes {
  return defined({
    contentType: output.ContentType,
    contentEncoding: output.ContentEncoding === '' ? undefined : output.ContentEncoding,
    contentLanguage: output.ContentLanguage,
    contentDisposition: output.ContentDisposition,
    cacheControl: output.CacheControl,
    metadata: output.Metadata === undefined || Object.keys(output.Metadata).length === 0 ? undefined : output.Metadata,
  });
}

/** Headers carry ASCII without blanks around it; other text would arrive as something else, so it is refused rather than bent. */
export function attributeInput(store: string, key: string, attributes: Attributes = {}): AttributeInput {
  const { metadata = {}, ...headers } = attributes;
  for (const [name, value] of [...Object.entries(headers), ...Object.entries(metadata)]) {
    if (/^([\x21-\x7e]+([\x20-\x7e]*[\x21-\x7e])?)?$/.test(value)) continue;
    const why = `its ${name in headers ? '' : 'user metadata '}${JSON.stringify(name)} is not plain ASCII text, which a header cannot carry`;
    throw new StoreError({ kind: 'unsupported', store, op: 'write', key, why });
  }
  return defined({
    ContentType: attributes.contentType,
    ContentEncoding: attributes.contentEncoding,
    ContentLanguage: attributes.contentLanguage,
    ContentDisposition: attributes.contentDisposition,
    CacheControl: attributes.cacheControl,
    Metadata: attributes.metadata === undefined ? undefined : { ...attributes.metadata },
  });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
