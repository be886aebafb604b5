import { expect, it } from 'vitest';
import { asStoreError } from '../../src/store/s3/errors.ts';
import { StoreError } from '../../src/store/store.ts';

it('a server that does not know the access key denies, whatever status it says it with', () => {
  // As versitygw 1.8.0 answers GET: 404, which else means that there is no such object.
  const thrown = Object.assign(new Error('No user exists with the provided access key ID.'), {
    name: 'XAdminUserNotFound',
    $metadata: { httpStatusCode: 404 },
  });
  const error = asStoreError(thrown, { store: 'centre', op: 'read', key: 'a' });
  expect(error).toBeInstanceOf(StoreError);
  expect((error as StoreError).kind).toBe('denied');
});
