// The official openai client with an API key in a web page of another origin, in Chromium. CORS must allow its requests.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, type Page, startChromium } from '../../support/chromium.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually } from '../../support/process.ts';
import { type Gateway, startUp } from '../gateway.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/**
 * A site with an empty page and the modules of the openai package below /openai. The one module that only Node can run is
 * empty.
 */
async function startSite(): Promise<{ server: Server; port: number }> {
  const server = createServer(async (request, response) => {
    const [, file, kind] = /^\/openai\/([\w/.-]+\.(m?js))$/.exec(request.url ?? '') ?? [];
    response.setHeader('content-type', file === undefined ? 'text/html' : 'text/javascript');
    if (file === undefined) response.end('<title>page</title>');
    else if (kind === 'js') response.end('export {};');
    else response.end(await readFile(join(root, 'node_modules', 'openai', file)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return { server, port: address.port };
}

describe('the openai client in a browser', () => {
  let up: Gateway;
  let browser: Browser;
  let page: Page;
  let site: { server: Server; port: number };
  let keys: Record<'alice' | 'root', string>;

  beforeAll(async () => {
    const file = join(await tinyFolder(), 'keys');
    const create = (...args: string[]) => {
      const command = [join(root, 'cli', 'main.ts'), 'key', 'create', ...args, '--file', file];
      return execFileSync(process.execPath, command, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }).trim();
    };
    keys = { alice: create('alice', '--rpm', '1000'), root: create('root', '--admin') };
    site = await startSite();
    const flags = ['--in-process', '--api-keys', file, '--cors-origin', `http://127.0.0.1:${site.port}`];
    [up, browser] = await Promise.all([startUp('nano', flags), startChromium()]);
    page = await browser.newPage();
    await page.open(`http://127.0.0.1:${site.port}/`);
  });
  afterAll(async () => {
    await browser.close();
    site.server.close();
  });

  /** Runs the body of an async function in the page. It can use `client` and the exports of the package. */
  function inPage<T>(
    body: string,
    { key = keys.alice, on = page }: { key?: string; on?: Page } = {},
  ): Promise<T> {
    const options = JSON.stringify({
      baseURL: `${up.url}/v1`,
      apiKey: key,
      dangerouslyAllowBrowser: true,
      maxRetries: 0,
    });
    return on.evaluate<T>(`(async () => {
      const openai = await import('/openai/index.mjs');
      const client = new openai.OpenAI(${options});
      const chat = { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 12, seed: 5 };
      const failure = (call) => call.then(() => 'none', (error) => [error.constructor.name, error.status ?? 0, error.code ?? '']);
      ${body}
    })()`);
  }

  it('gets chats, streamed or not', async () => {
    const { whole, text, pieces } = await inPage<{ whole: string; text: string; pieces: number }>(`
      const whole = (await client.chat.completions.create(chat)).choices[0].message.content;
      let text = '', pieces = 0;
      for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
        text += chunk.choices[0]?.delta.content ?? '';
        pieces++;
      }
      return { whole, text, pieces };`);
    expect(text).toBe(whole);
    expect(pieces).toBeGreaterThan(2);
  });

  it('can read the headers that clients need', async () => {
    const headers = await inPage<Record<string, string | null>>(`
      const { response } = await client.chat.completions.create(chat).withResponse();
      const names = ['x-request-id', 'x-ratelimit-remaining-requests', 'x-expertgrid-seed', 'openai-processing-ms'];
      return Object.fromEntries(names.map((name) => [name, response.headers.get(name)]));`);
    for (const value of Object.values(headers)) expect(value).toMatch(/^\w+$/);
  });

  it('throws the errors of the API, also for a wrong key', async () => {
    expect(await inPage(`return failure(client.models.list());`, { key: 'eg-wrong' })).toEqual([
      'AuthenticationError',
      401,
      'invalid_api_key',
    ]);
    expect(await inPage(`return failure(client.chat.completions.create({ ...chat, model: 'x' }));`)).toEqual([
      'NotFoundError',
      404,
      'model_not_found',
    ]);
  });

  it('stops the generation when it leaves a stream', async () => {
    const running = async () => {
      const headers = { authorization: `Bearer ${keys.root}` };
      const text = await (await fetch(`${up.url}/metrics`, { headers })).text();
      return Number(/^expertgrid_sequences_running (\d+)$/m.exec(text)?.[1]);
    };
    expect(
      await inPage<number>(`
      const stream = await client.chat.completions.create({ ...chat, max_tokens: 1800, ignore_eos: true, stream: true });
      let chunks = 0;
      for await (const _ of stream) if (++chunks === 4) stream.controller.abort();
      return chunks;`),
    ).toBeLessThan(100);
    await eventually(async () => (await running()) === 0, 2_000);
  });

  it('cannot connect from a page whose origin is not allowed', async () => {
    const other = await browser.newPage();
    await other.open(`http://localhost:${site.port}/`);
    expect(await inPage(`return failure(client.models.list());`, { on: other })).toEqual([
      'APIConnectionError',
      0,
      '',
    ]);
    expect(other.complaints.join()).toContain('CORS');
  });
});
