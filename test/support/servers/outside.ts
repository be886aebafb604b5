import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

/** An object as someone else than ferry puts it, and finds it. */
export interface OutsideObject {
  readonly key: string;
  readonly body: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** Whether the server took it. */
export async function putOutside(client: S3Client, bucket: string, item: OutsideObject): Promise<boolean> {
  const Tagging = new URLSearchParams(item.tags).toString();
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: item.key,
    Body: item.body,
    Metadata: { ...item.metadata },
    Tagging,
  });
  return await client.send(command).then(
    () => true,
    () => false,
  );
}

export async function getOutside(client: S3Client, bucket: string, key: string): Promise<OutsideObject> {
  const at = { Bucket: bucket, Key: key };
  const [got, tagged] = [
    await client.send(new GetObjectCommand(at)),
    await client.send(new GetObjectTaggingCommand(at)),
  ];
  const tags = (tagged.TagSet ?? []).map(({ Key = '', Value = '' }) => [Key, Value] as const);
  return {
    key,
    body: (await got.Body?.transformToString()) ?? '',
    metadata: got.Metadata ?? {},
    tags: Object.fromEntries(tags),
  };
}

/** All keys as the server lists them, encoded ones decoded. */
export async function listOutside(client: S3Client, bucket: string): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        EncodingType: 'url',
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    const shown = (key = ''): string =>
      page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
    keys.push(...(page.Contents ?? []).map(({ Key }) => shown(Key)));
    token = page.NextContinuationToken;
  } while (token !== undefined && token !== '');
  return keys;
}

/** Work on many things, some at once. */
export async function inTurns<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) await Promise.all(items.slice(at, at + atOnce).map(work));
}
