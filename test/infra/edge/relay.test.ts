// Requests before the first byte of their answer, over real connections.
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createNodeEdge, type NodeEdgeOptions } from '../../../infra/edge/node.ts';
import { onlyRegion } from '../../../infra/edge/regions/regions.ts';
import type { LogEntry } from '../../../infra/edge/send.ts';
import { parseSecrets } from '../../../resume/secrets.ts';
import { CLAIMS_HEADER, SIGNATURE_HEADER, textToSign } from '../../../resume/signed-request.ts';
import { afterFile } from '../../support/after-file.ts';
import { eventStream, type Handle, startStandIn } from './stand-in.ts';

const secret = 'k'.repeat(48);

async function start(count: number, options: Partial<NodeEdgeOptions> = {}) {
  const gateways = await Promise.all(Array.from({ length: count }, () => startStandIn()));
  const logged: LogEntry[] = [];
  const edge = createNodeEdge({
    regions: onlyRegion(
      'eu',
      gateways.map(({ url }) => url),
    ),
    secret: () => secret,
    region: 'eu',
    log: (entry) => logged.push(entry),
    ...options,
  });
  afterFile(async () => edge.close());
  await edge.checked;
  const post = (body = '{"prompt":"hi"}', headers: Record<string, string> = {}, path = '/v1/completions') =>
    edge.fetch(new Request(`http://edge${path}`, { method: 'POST', body, headers }));
  const all = (handle: Handle) => {
    for (const gateway of gateways) gateway.handle = handle;
  };
  const seen = () => gateways.flatMap((gateway) => gateway.seen);
  return { edge, gateways, post, all, seen, logged };
}

const status =
  (code: number): Handle =>
  (_, response) =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end(`{"status":${code}}`);
const cut: Handle = (_seen, response) => void response.destroy();

describe('a signed request', () => {
  it('has claims and a signature that a gateway can verify', async () => {
    const { post, seen } = await start(1);
    const body = '{"prompt":"é"}';
    expect((await post(body, { 'x-request-id': 'mine' }, '/v1/completions?a=1')).status).toBe(200);
    const [{ headers, claims, url, bytes }] = seen() as [ReturnType<typeof seen>[0]];
    const text = textToSign({ method: 'POST', path: '/v1/completions', claims: headers.get(CLAIMS_HEADER)! });
    const mac = createHmac('sha256', secret).update(text).digest('base64url');
    expect(headers.get(SIGNATURE_HEADER)).toBe(`v1=${mac}`);
    expect(url).toBe('/v1/completions?a=1');
    expect(bytes.toString()).toBe(body);
    expect(claims).toEqual({
      time: expect.any(Number),
      nonce: expect.stringMatching(/^[\w-]{22}$/),
      body: createHash('sha256').update(body).digest('hex'),
      tenant: 'edge',
      scopes: ['generate'],
      request: 'mine',
      region: 'eu',
      records: true,
      answer: {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        created: expect.any(Number),
        seed: expect.any(Number),
      },
    });
    expect(Math.abs(claims.time! - Date.now())).toBeLessThan(10_000);
    expect(claims.answer!.seed).toBeLessThan(2 ** 31);
    expect(Number.isInteger(claims.answer!.seed)).toBe(true);
  });

  it('that does not generate asks for no record', async () => {
    const { edge, seen } = await start(1);
    await edge.fetch(new Request('http://edge/v1/models'));
    expect(Object.keys(seen()[0]!.claims)).toEqual([
      'time',
      'nonce',
      'body',
      'tenant',
      'scopes',
      'request',
      'region',
    ]);
    expect(seen()[0]!.claims.body).toBe(createHash('sha256').digest('hex'));
    expect(seen()[0]!.claims.request).toMatch(/^req_[0-9a-f]{32}$/);
  });

  it('has none of the headers that only an edge may send, and no key of the caller', async () => {
    const { post, seen } = await start(1);
    await post('{}', {
      authorization: 'Bearer caller',
      'x-api-key': 'caller',
      'x-expertgrid-record': '1',
      'x-expertgrid-caller': '{"tenant":"root"}',
      'x-forwarded-for': '10.0.0.1',
      'cf-connecting-ip': '10.0.0.1',
      'user-agent': 'me',
    });
    const { headers, claims } = seen()[0]!;
    for (const name of [
      'authorization',
      'x-api-key',
      'x-expertgrid-record',
      'x-forwarded-for',
      'cf-connecting-ip',
    ])
      expect(headers.has(name), name).toBe(false);
    expect(claims.tenant).toBe('edge');
    expect(headers.get('user-agent')).toBe('me');
  });

  it('is signed with the secret of the moment', async () => {
    let current = secret;
    const { post, seen } = await start(1, { secret: () => current });
    await post();
    current = 'z'.repeat(48);
    await post();
    const { headers } = seen()[1]!;
    const text = textToSign({ method: 'POST', path: '/v1/completions', claims: headers.get(CLAIMS_HEADER)! });
    expect(headers.get(SIGNATURE_HEADER)).toBe(
      `v1=${createHmac('sha256', current).update(text).digest('base64url')}`,
    );
  });
});

it('without a secret, the key of the caller is relayed and nothing is signed', async () => {
  const { post, seen } = await start(1, { secret: undefined });
  await post('{}', { authorization: 'Bearer caller', 'x-expertgrid-caller': '{}' });
  const { headers } = seen()[0]!;
  expect(headers.get('authorization')).toBe('Bearer caller');
  expect(headers.has(CLAIMS_HEADER) || headers.has(SIGNATURE_HEADER)).toBe(false);
});

describe('a request', () => {
  it('goes to another gateway after a lost connection, with the same answer claims', async () => {
    const { post, all, seen, gateways, edge } = await start(2);
    all((given, response, request) => {
      if (seen().length === 1) return cut(given, response, request);
      response.setHeader('content-type', 'application/json').end('{"ok":true}');
    });
    const answer = await post();
    expect(await answer.json()).toEqual({ ok: true });
    expect(gateways.map((gateway) => gateway.seen.length)).toEqual([1, 1]);
    const [first, second] = seen();
    expect(first!.claims.answer).toEqual(second!.claims.answer);
    expect(first!.claims.request).toBe(second!.claims.request);
    expect(first!.claims.nonce).not.toBe(second!.claims.nonce);
    expect(edge.counts.render()).toMatch(
      /^expertgrid_edge_repeats_total\{region="eu",gateway="http:[^"]+"\} 1$/m,
    );
  });

  it('is repeated if its answer breaks off, and the client gets only the whole answer', async () => {
    const { post, all, seen } = await start(2);
    all(async (_, response) => {
      if (seen().length > 1) return void response.end('{"whole":true}');
      response.writeHead(200, { 'content-length': 100 }).write('{"whole":');
      setTimeout(() => response.destroy(), 20);
    });
    expect(await (await post()).json()).toEqual({ whole: true });
  });

  it.each([502, 503, 504])('goes to another gateway after a %d', async (code) => {
    const { post, all, seen } = await start(2);
    all((...given) => (seen().length === 1 ? status(code) : status(200))(...given));
    expect((await post()).status).toBe(200);
    expect(seen()).toHaveLength(2);
  });

  it.each([400, 404, 429, 500])('is not repeated after a %d', async (code) => {
    const { post, all, seen } = await start(2);
    all(status(code));
    const answer = await post();
    expect(answer.status).toBe(code);
    expect(await answer.json()).toEqual({ status: code });
    expect(seen()).toHaveLength(1);
  });

  it('gets the last error answer if every gateway gives one', async () => {
    const { post, all, seen } = await start(4);
    all(status(503));
    const answer = await post();
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: 503 });
    expect(seen()).toHaveLength(3);
  });

  it('goes to the same address again after an error answer if there is no other', async () => {
    const { post, gateways, seen } = await start(1);
    gateways[0]!.handle = (_, response) => {
      response.writeHead(gateways[0]!.seen.length < 3 ? 503 : 200).end('{"well":true}');
    };
    const answer = await post();
    expect([answer.status, await answer.json()]).toEqual([200, { well: true }]);
    expect(seen()).toHaveLength(3);
  });

  it('is repeated after error answers only as far as the budget allows', async () => {
    const { post, all, seen } = await start(2);
    all(status(503));
    for (let i = 0; i < 20; i++) await post();
    // 10 saved repeats, and a tenth of 20 requests; while the budget is full, requests add nothing.
    expect(seen().length - 20).toBeGreaterThanOrEqual(10);
    expect(seen().length - 20).toBeLessThanOrEqual(12);
  });

  it('gets a 502 in the format of the endpoint if no gateway answers', async () => {
    const { post, all, seen } = await start(2);
    all(cut);
    const answer = await post();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { code: 'gateway_unreachable', param: null } });
    expect(seen().length).toBe(3);
    const message = await post('{}', {}, '/v1/messages');
    expect(await message.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });

  it('that may change something is sent once', async () => {
    const { post, all, seen } = await start(2);
    all(cut);
    expect((await post('{}', {}, '/v1/shards/drain')).status).toBe(502);
    expect(seen()).toHaveLength(1);
  });

  it('with too large a body gets a 413, with or without a stated length', async () => {
    const { edge, post, seen } = await start(1, { maxBody: 100 });
    const large = 'x'.repeat(101);
    const refused = await post(large, { 'content-length': '101' });
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ error: { code: 'body_too_large' } });
    const chunks = new ReadableStream({
      start(controller) {
        for (const part of [large.slice(0, 50), large.slice(50)])
          controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
    const options = { method: 'POST', body: chunks, duplex: 'half' } as RequestInit;
    const message = await edge.fetch(new Request('http://edge/v1/messages', options));
    expect(message.status).toBe(413);
    expect(await message.json()).toMatchObject({ error: { type: 'request_too_large' } });
    expect((await post('x'.repeat(100))).status).toBe(200);
    expect(seen()).toHaveLength(1);
  });

  it('is refused with a 503 while the bodies of open requests fill the memory', async () => {
    const { edge, post, all } = await start(1, { maxBody: 100, bodyMemory: 250 });
    const held: (() => void)[] = [];
    all(({ own }, response) => {
      if (!own.startsWith('stream')) return void response.end('{}');
      response.writeHead(200, eventStream).write(': begun\n\n');
      held.push(() => response.end('data: [DONE]\n\n'));
    });
    const large = 'stream'.padEnd(100);
    const length = { 'content-length': '100' };
    const streams = [await post(large, length), await post(large, length)];
    const refused = await post('x'.repeat(100), length, '/v1/messages');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
    expect((await post('x'.repeat(50), { 'content-length': '50' })).status).toBe(200);
    for (const end of held) end();
    for (const stream of streams) expect(await stream.text()).toContain('[DONE]');
    for (let n = 0; n < 5; n++) expect((await post('x'.repeat(100), length)).status).toBe(200);
    // Bodies that are still arriving count as much as has arrived.
    const slow = Array.from({ length: 20 }, () => {
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
      const options = { method: 'POST', body, duplex: 'half' } as RequestInit;
      return edge.fetch(new Request('http://edge/v1/completions', options));
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await post('x'.repeat(100), length)).status).toBe(200);
    expect(slow).toHaveLength(20);
  });

  it('whose client leaves ends at the gateway, and is not repeated', async () => {
    const { edge, all, seen, logged } = await start(2);
    const client = new AbortController();
    const closed = Promise.withResolvers<void>();
    all((_, response) => {
      response.on('close', closed.resolve);
      client.abort();
    });
    const { signal } = client;
    await edge.fetch(new Request('http://edge/v1/completions', { method: 'POST', body: '{}', signal }));
    await closed.promise;
    expect(seen()).toHaveLength(1);
    expect(logged).toEqual([]);
    expect(edge.gateways.all.every((gateway) => edge.gateways.isHealthy(gateway))).toBe(true);
  });
});

describe('the edge itself', () => {
  it('answers /health, and /health/ready as long as one gateway is ready', async () => {
    const { edge, gateways, seen } = await start(2, { everyMs: 20 });
    const ready = async () => (await edge.fetch(new Request('http://edge/health/ready'))).status;
    expect((await edge.fetch(new Request('http://edge/health'))).status).toBe(200);
    expect(await ready()).toBe(200);
    gateways[0]!.ready = 503;
    await expect.poll(() => edge.gateways.isHealthy(edge.gateways.all[0]!)).toBe(false);
    expect(await ready()).toBe(200);
    await gateways[1]!.stop();
    await expect.poll(ready).toBe(503);
    gateways[0]!.ready = 200;
    await expect.poll(ready).toBe(200);
    expect(seen()).toEqual([]);
  });

  it('serves its counts as /metrics, and a 404 for paths that it does not relay', async () => {
    const { edge, post } = await start(1);
    await post();
    const text = await (await edge.fetch(new Request('http://edge/metrics'))).text();
    expect(text).toMatch(
      /# TYPE expertgrid_edge_requests_total counter\nexpertgrid_edge_requests_total\{region="eu",gateway="[^"]+"\} 1\n/,
    );
    const unknown = await edge.fetch(new Request('http://edge/peer'));
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'unknown_url' } });
  });
});

it('a file of secrets has one or two of at least 32 characters', () => {
  const [a, b] = ['a'.repeat(32), 'b'.repeat(64)];
  expect(parseSecrets(`${a}\n`, 'f')).toEqual([a]);
  expect(parseSecrets(`${b}\n\n ${a} \n`, 'f')).toEqual([b, a]);
  expect(() => parseSecrets('\n', 'f')).toThrow(
    'f has no secret. Make one with: openssl rand -base64 48 > f',
  );
  expect(() => parseSecrets(`${a}\nshort`, 'f')).toThrow(
    'f has a secret of 5 characters; it needs at least 32.',
  );
  expect(() => parseSecrets(`${a}\n${a}\n${a}`, 'f')).toThrow('f has 3 secrets');
});
