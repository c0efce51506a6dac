// The edge is killed while a request is open, and starts again.
import { expect, it } from 'vitest';
import { eventually } from '../../../support/process.ts';
import { edgeCommand } from '../accounts/edge-command.ts';
import { ADMIN, answerWithUsage, type Json, used } from '../accounts/edge-with-accounts.ts';
import type { Handle } from '../stand-in.ts';

async function ask(url: string, path: string, key: string, body?: unknown): Promise<Json> {
  const headers = { authorization: `Bearer ${key}` };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  return await (await fetch(url + path, init)).json();
}

/** Kills the edge while the gateway works on a request, and returns the rows of usage after the next start. */
async function killed(handle: Handle): Promise<Json[]> {
  const { gateway, start } = await edgeCommand(handle);
  const before = await start();
  const { key } = await ask(before.url, '/admin/keys', ADMIN, { name: 'a', concurrency: 1, budget: 100_000 });
  const asked = ask(before.url, '/v1/completions', key, { model: 'nano', prompt: 'hi', max_tokens: 40 });
  const failed = asked.catch(() => 'lost');
  await eventually(() => gateway.seen.some(({ method }) => method === 'POST'));
  before.edge.signal('SIGKILL');
  expect(await failed).toBe('lost');
  const after = await start();
  expect(after.edge.stderr + after.edge.stdout).toContain('settled 1 requests that were open');
  return (await ask(after.url, '/usage?by=request', key)).usage;
}

it('an open request is settled with what its gateway remembers', async () => {
  const rows = await killed((seen, response, request) => {
    if (seen.method === 'POST') return;
    if (seen.url.startsWith('/v1/usage/')) response.end(JSON.stringify(used));
    else void answerWithUsage(seen, response, request);
  });
  expect(rows).toEqual([
    expect.objectContaining({ prompt_tokens: 3, generated_tokens: 4, estimated: 0, status: 502 }),
  ]);
});

it('an open request of which no gateway knows anything is settled with all that it had reserved, marked as estimated', async () => {
  const rows = await killed((seen, response, request) => {
    if (seen.method === 'POST') return;
    if (seen.url.startsWith('/v1/usage/')) response.writeHead(404).end('{}');
    else void answerWithUsage(seen, response, request);
  });
  const [row] = rows;
  expect(rows).toHaveLength(1);
  expect(row).toMatchObject({ generated_tokens: 40, estimated: 1 });
  expect(row.prompt_tokens).toBeGreaterThan(256);
});
