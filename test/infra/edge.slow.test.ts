import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayStream, wholeAnswer } from './edge/record-stream.ts';
import { startStandIn } from './edge/stand-in.ts';
import { type EdgeProcess, startEdge } from './edge-process.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** The behaviour of the gateway behind the Worker in this test. */
let handle: Handler;
const gateway = createServer((request, response) => void handle(request, response));
let edge: EdgeProcess;

async function listen(port = 0): Promise<number> {
  gateway.listen(port, '127.0.0.1');
  await once(gateway, 'listening');
  return (gateway.address() as AddressInfo).port;
}

async function unlisten(): Promise<void> {
  gateway.close();
  gateway.closeAllConnections();
  await once(gateway, 'close');
}

beforeAll(async () => {
  edge = await startEdge([`http://127.0.0.1:${await listen()}`]);
});

afterAll(async () => {
  await edge.stop();
  await unlisten();
});

const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' };
const token = (content: string) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const post = (signal?: AbortSignal) =>
  fetch(`${edge.url}/v1/completions`, { method: 'POST', body: '{}', signal: signal ?? null });

describe('an answer', () => {
  it('is relayed with its status and headers, and its request is relayed with path, headers and body', async () => {
    const body = JSON.stringify({ prompt: 'é'.repeat(100_000) });
    let seen: Record<string, unknown> = {};
    handle = async (request, response) => {
      const { method, url, headers } = request;
      seen = { method, url, headers, body: await readAll(request) };
      response
        .writeHead(418, { 'content-type': 'application/json', 'x-request-id': 'r1' })
        .end('{"tea":true}');
    };
    const answer = await fetch(`${edge.url}/v1/completions?a=%2F&b=1`, {
      method: 'POST',
      body,
      headers: { authorization: 'Bearer key', 'x-forwarded-for': '10.9.8.7', te: 'trailers' },
    });
    expect(answer.status).toBe(418);
    expect(answer.headers.get('x-request-id')).toBe('r1');
    expect(await answer.json()).toEqual({ tea: true });
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/completions?a=%2F&b=1', body });
    expect(seen.headers).toMatchObject({ authorization: 'Bearer key' });
    expect(seen.headers).not.toHaveProperty('te');
    expect(JSON.stringify(seen.headers)).not.toContain('10.9.8.7');
  });

  it('is the Worker’s own for /health, and a 404 for paths that it does not relay', async () => {
    const asked: (string | undefined)[] = [];
    handle = ({ url }, response) => {
      asked.push(url);
      response.end('{}');
    };
    expect((await fetch(`${edge.url}/health`)).status).toBe(200);
    expect((await fetch(`${edge.url}/health/ready`)).status).toBe(200);
    expect((await fetch(`${edge.url}/models`)).status).toBe(200);
    const refused = await fetch(`${edge.url}/metrics`);
    expect(refused.status).toBe(404);
    expect(await refused.json()).toEqual({
      error: {
        message: 'Invalid URL (GET /metrics)',
        type: 'invalid_request_error',
        param: null,
        code: 'unknown_url',
      },
    });
    expect(asked).toEqual(['/models']);
  });
});

describe('a stream', () => {
  it('is relayed event by event without delay', async () => {
    const events = ['one', 'two', 'three'].map(token).concat('data: [DONE]\n\n');
    const sent: number[] = [];
    // Each event is written only after the client has received the one before, so a relay that buffers would wait for ever.
    let next = Promise.withResolvers<void>();
    handle = async (_request, response) => {
      response.writeHead(200, eventStream).flushHeaders();
      for (const event of events) {
        await next.promise;
        next = Promise.withResolvers<void>();
        sent.push(performance.now());
        response.write(event);
      }
      response.end();
    };
    const answer = await post(AbortSignal.timeout(20_000));
    expect(answer.headers.get('content-type')).toBe(eventStream['content-type']);
    const received: number[] = [];
    let text = '';
    next.resolve();
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      received.push(performance.now());
      next.resolve();
    }
    expect(text).toBe(events.join(''));
    const delays = received.slice(0, 4).map((at, i) => at - sent[i]!);
    expect(Math.min(...delays)).toBeLessThan(200);
  });

  // The local runtime notices a disconnected client at its next write. On Cloudflare, `request.signal` fires at once.
  it('ends at the gateway when its client disconnects', async () => {
    const closed = Promise.withResolvers<void>();
    let written = 0;
    handle = async (_request, response) => {
      response.on('close', closed.resolve);
      response.writeHead(200, eventStream);
      for (; !response.destroyed; written++) {
        response.write(token('one'));
        await sleep(50);
      }
    };
    const client = new AbortController();
    const answer = await post(client.signal);
    await answer.body!.getReader().read();
    const before = written;
    client.abort();
    await closed.promise;
    expect(written - before).toBeLessThan(20);
  });

  it('ends with an error event and a broken connection if the gateway’s connection breaks', async () => {
    handle = async (_request, response) => {
      response.writeHead(200, eventStream).write(token('one'));
      await sleep(100);
      response.destroy();
    };
    const seen: string[] = [];
    const reading = (async () => {
      for await (const chunk of (await post()).body!.pipeThrough(new TextDecoderStream())) seen.push(chunk);
    })();
    await expect(reading).rejects.toThrow();
    expect(seen.join('')).toContain(token('one'));
    expect(seen.join('')).toContain('"code":"stream_cut"');
  });

  it('throws in the OpenAI client if it stops without [DONE]', async () => {
    handle = (_request, response) => {
      response.writeHead(200, eventStream).end(token('one') + token('two').slice(0, 20));
    };
    const client = new OpenAI({ baseURL: `${edge.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: 'nano',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    });
    let text = '';
    const reading = (async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    })();
    await expect(reading).rejects.toMatchObject({ code: 'stream_cut', type: 'server_error' });
    expect(text).toBe('one');
  });
});

describe('a gateway that fails', () => {
  const unreachable = {
    error: { message: expect.any(String), type: 'server_error', param: null, code: 'gateway_unreachable' },
  };

  it('before it answers causes a 502 in OpenAI’s format', async () => {
    handle = ({ socket }) => void socket.destroy();
    const answer = await post();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual(unreachable);
  });

  it('to listen causes a 502 in OpenAI’s format until it is back', async () => {
    const { port } = gateway.address() as AddressInfo;
    await unlisten();
    const answer = await post();
    await listen(port);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual(unreachable);
    handle = (_request, response) => void response.end('{}');
    expect((await post()).status).toBe(200);
  });

  it('in the middle of a body that is no stream causes a 502 in OpenAI’s format', async () => {
    handle = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 }).write('{"id":');
      await sleep(100);
      response.destroy();
    };
    const answer = await post();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual(unreachable);
  });

  it('behind Cloudflare, which then answers 522, causes a 502 in OpenAI’s format', async () => {
    handle = (_request, response) =>
      void response.writeHead(522, { 'content-type': 'text/html' }).end('<html>');
    const answer = await post();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual(unreachable);
  });
});

describe('a Worker with a secret and two gateways', () => {
  it('continues a stream at the other gateway, and has the same bytes', async () => {
    const gateways = await Promise.all([startStandIn(), startStandIn()]);
    const seen = () => gateways.flatMap((each) => each.seen);
    for (const each of gateways) {
      each.handle = async ({ claims, record }, response) => {
        const bytes = gatewayStream(claims.answer, record);
        if (seen().length > 1) return void response.writeHead(200, eventStream).end(bytes);
        response.writeHead(200, eventStream).write(bytes.slice(0, 500));
        await sleep(100);
        await each.stop();
      };
    }
    const own = await startEdge(
      gateways.map(({ url }) => url),
      { secret: 's'.repeat(40) },
    );
    try {
      const answer = await fetch(`${own.url}/v1/completions`, { method: 'POST', body: '{"prompt":"hi"}' });
      expect(await answer.text()).toBe(wholeAnswer(seen()[0]!.claims.answer)); // all requests have the same claims
      expect(seen().filter(({ record }) => record !== undefined)).toHaveLength(1);
    } finally {
      await own.stop();
    }
  });
});
