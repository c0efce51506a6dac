// `expertgrid edge` as a process.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { afterFile } from '../../support/after-file.ts';
import { startCli } from '../../support/process.ts';
import { gatewayStream, wholeAnswer } from './record-stream.ts';
import { eventStream, startStandIn } from './stand-in.ts';

it('serves until SIGTERM, and then lets open streams end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-verb-'));
  afterFile(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'secret');
  await writeFile(file, `${'s'.repeat(40)}\n`);
  const finish = Promise.withResolvers<void>();
  const gateway = await startStandIn(async ({ claims }, response) => {
    const bytes = gatewayStream(claims.answer);
    response.writeHead(200, eventStream).write(bytes.slice(0, 500));
    await finish.promise;
    response.end(bytes.slice(500));
  });
  const edge = startCli(['edge', '--gateways', gateway.url, '--edge-secret-file', file, '--port', '0']);
  const [, url] = await edge.says(/^edge ready in \d+\.\d s: 1 gateway at (http:\/\/127\.0\.0\.1:\d+)\n/);
  const answer = await fetch(`${url}/v1/completions`, { method: 'POST', body: '{"prompt":"hi"}' });
  expect(answer.headers.get('content-type')).toBe(eventStream['content-type']);
  const text = answer.text();
  edge.signal('SIGTERM');
  await edge.says(/draining/);
  const refused = await fetch(`${url}/v1/models`);
  expect(refused.status).toBe(503);
  await delay(50);
  finish.resolve();
  expect(await text).toBe(wholeAnswer(gateway.seen[0]!.claims.answer));
  expect((await edge.exit).code).toBe(0);
  expect(gateway.seen).toHaveLength(1);
});

it('ends on SIGTERM while it still checks its gateways', async () => {
  const asked = Promise.withResolvers<void>();
  // Answers nothing. The second check, of /health, comes when the first has waited long enough.
  const gateway = createServer(({ url }) => {
    if (url === '/health') asked.resolve();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => gateway.close().closeAllConnections());
  await once(gateway, 'listening');
  const { port } = gateway.address() as AddressInfo;
  const edge = startCli(['edge', '--gateways', `http://127.0.0.1:${port}`, '--port', '0']);
  await asked.promise;
  edge.signal('SIGTERM');
  await edge.says(/draining/);
  expect((await edge.exit).code).toBe(0);
  expect(edge.stdout).not.toContain('edge ready');
});

it('refuses gateways on other machines without https, and secrets that are too short', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-verb-'));
  afterFile(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'secret');
  await writeFile(file, 'short\n');
  const plain = startCli(['edge', '--gateways', 'http://eu.example.com']);
  const short = startCli(['edge', '--gateways', 'https://eu.example.com', '--edge-secret-file', file]);
  expect((await plain.exit).code).toBe(2);
  expect(plain.stderr).toContain('http://eu.example.com is not on this machine');
  expect((await short.exit).code).toBe(1);
  expect(short.stderr).toContain(`openssl rand -base64 48 > ${file}`);
});
