/**
 * What an object can carry beside its bytes and can lose on its way, by the names of the S3 API's PutObject. A plan's `accept` and a
 * store's `holds` are made of these.
 */
export const ATTRIBUTE_NAMES = [
  'contentType',
  'contentEncoding',
  'contentLanguage',
  'contentDisposition',
  'cacheControl',
  'expires',
  'metadata',
  'tags',
  'websiteRedirect',
  'storageClass',
] as const;

export type AttributeName = (typeof ATTRIBUTE_NAMES)[number];
