import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

const ENV = { FERRY_TEST_KEY: 'k', FERRY_TEST_SECRET: 's' };

/** A plan whose legacy store is a server of the test's own. */
async function planOn(answer: RequestListener): Promise<{ readonly plan: string; readonly asked: Promise<unknown> }> {
  const server = createServer(answer);
  const asked = once(server, 'request');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const plan = join(tempDir(), 'plan.json');
  const document = planDocument();
  const legacy = {
    type: 's3',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    bucket: 'users',
    jurisdiction: 'SG',
    credentials: { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' },
  };
  writeFileSync(plan, JSON.stringify({ ...document, stores: { ...document.stores, legacy } }));
  return { plan, asked };
}

describe('a store that stops answering', () => {
  it.each([
    ['plan', 1],
    ['run', 2],
  ] as const)('does not keep an interrupted %s from ending as one', async (command, signals) => {
    const { plan, asked } = await planOn(() => undefined);
    const started = startFerry([command, plan, '--json'], ENV);
    await asked;
    for (let n = 0; n < signals; n += 1) {
      const told = once(started.child.stderr ?? started.child, 'data');
      started.child.kill('SIGINT');
      if (n === 0) await told;
    }
    const ended = await started.ended;
    expect(ended.code, ended.stderr).toBe(130);
    expect(documentOf(ended)).toMatchObject({ error: { fault: 'interrupted' } });
    expect(ended.stderr).not.toContain('    at ');
  });

  it.each(['plan', 'run'])('after it was opened ends %s as out of reach', async (command) => {
    const { plan } = await planOn((request, response) => {
      const url = request.url ?? '';
      if (url.includes('list-type')) response.statusCode = 403;
      response.end(url.includes('versioning') ? '<VersioningConfiguration/>' : '');
    });
    const ended = await ferry([command, plan, '--json'], ENV);
    expect(ended.code, ended.stderr).toBe(75);
    expect(documentOf(ended)).toMatchObject({ error: { fault: 'unreachable' } });
    expect(ended.stderr).not.toContain('    at ');
  });
});

describe('wrong usage', () => {
  it.each([[['run']], [['bogus']], [['run', 'plan.yaml', '--until', 'never']]])('%j has its document', async (args) => {
    const ended = await ferry([...args, '--json']);
    expect(ended.code).toBe(2);
    expect(documentOf(ended)).toMatchObject({ error: { fault: 'usage' }, code: 2 });
  });
});
