/**
 * What an object can carry beside its bytes and can lose on its way, by the names of the S3 API's PutObject and, for files, `link` and `xattrs`. A plan's `accept` and a
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
  'link',
  'xattrs',
  'objectLock',
] as const;

export type AttributeName = (typeof ATTRIBUTE_NAMES)[number];
