import type { S3Client } from '@aws-sdk/client-s3';
import { type SendOptions, type SignedRequest, type Watch, Wire, type WireOptions } from './wire.ts';

type Command = Parameters<S3Client['send']>[0];

/**
 * Lets a client send the requests of which a run makes the most by a shorter way. Who uses it need not know.
 *
 * @returns the client.
 */
export function hastened(client: S3Client, watch: Watch, options: WireOptions): S3Client {
  const wire = new Wire(client, watch, options);
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        // One that was answered: where another goes, the next request may go too.
        if (commandName === 'HeadBucketCommand') wire.learn(args.request as SignedRequest);
        return result;
      },
    { step: 'deserialize', priority: 'low', name: 'ferryLearns' },
  );
  const sendAsSdk = client.send.bind(client) as (command: Command, options: SendOptions) => Promise<unknown>;
  const destroyAsSdk = client.destroy.bind(client);
  const send = (command: Command, options: SendOptions = {}): Promise<unknown> => {
    const request = wire.takes(command);
    return request === undefined ? sendAsSdk(command, options) : wire.send(request, options);
  };
  client.send = send as S3Client['send'];
  client.destroy = () => {
    wire.destroy();
    destroyAsSdk();
  };
  return client;
}
