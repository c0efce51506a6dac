// Streams whose gateway is lost, stands still, or leaves service.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createEdge, type Edge, type EdgeOptions } from '../../../infra/edge/app.ts';
import type { Ask } from '../../../infra/edge/ask.ts';
import { ranked } from '../../../infra/edge/gateways/choice.ts';
import { createNodeEdge } from '../../../infra/edge/node.ts';
import { onlyRegion } from '../../../infra/edge/regions/regions.ts';
import { webHashing } from '../../../infra/edge/sign.ts';
import { CLAIMS_HEADER, type Claims, RECORD_HEADER } from '../../../resume/signed-request.ts';
import { afterFile } from '../../support/after-file.ts';
import { ENDING, gatewayStream, splitBody, wholeAnswer } from './record-stream.ts';
import { eventStream, type Handle, type StandIn, startStandIn } from './stand-in.ts';

const secret = () => 's'.repeat(40);
const body = JSON.stringify({ prompt: 'once é upon', stream: true });
const post = (edge: Edge, path = '/v1/completions', signal?: AbortSignal) =>
  edge.fetch(
    new Request(`http://edge${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      ...(signal && { signal }),
    }),
  );

/** An edge whose requests never use a socket. Each request is answered by the next function; the last one answers all others. */
function scripted(
  answers: ((claims: Claims, asked: ReturnType<typeof splitBody>) => Response | Promise<Response>)[],
  options: Partial<EdgeOptions> = {},
) {
  const claims: Claims[] = [];
  const ask: Ask = async (url, { headers, body: bytes = new Uint8Array(), signal }) => {
    const claim: Claims = JSON.parse(headers.get(CLAIMS_HEADER) ?? '{}');
    const answer = answers[Math.min(claims.length, answers.length - 1)]!;
    claims.push(claim);
    urls.push(url);
    if (signal.aborted) throw signal.reason;
    return await answer(claim, splitBody(headers, bytes));
  };
  const urls: string[] = [];
  const logged: string[] = [];
  const edge = createEdge({
    hashing: webHashing,
    regions: onlyRegion('test', ['http://a', 'http://b', 'http://c']),
    ask,
    secret,
    region: 'test',
    bodyMemory: 2 ** 28,
    log: ({ code }) => logged.push(code),
    metrics: true,
    failsStreams: false,
    ...options,
  });
  return { edge, claims, urls, logged };
}

/** A response with these bytes, which then ends or is lost. */
function streamOf(bytes: Uint8Array, { fails = false } = {}): Response {
  let sent = false;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!sent && bytes.length > 0) controller.enqueue(bytes);
      else if (fails) controller.error(new Error('connection reset'));
      else controller.close();
      sent = true;
    },
  });
  return new Response(source, { headers: eventStream });
}

const encode = (text: string) => new TextEncoder().encode(text);
const answerOf = ({ answer }: Claims) => answer;
const whole = (claims: Claims, { record }: ReturnType<typeof splitBody>) =>
  streamOf(encode(gatewayStream(answerOf(claims), record)));

describe('a stream', () => {
  it('has the same bytes if it is cut after any byte', async () => {
    const { length } = encode(gatewayStream({ id: '0'.repeat(32), created: 1_234_567_890, seed: 1 }));
    for (let at = 0; at <= length; at++) {
      const { edge, claims } = scripted([
        (claim) => streamOf(encode(gatewayStream(claim.answer)).subarray(0, at), { fails: at % 2 === 0 }),
        whole,
      ]);
      const text = await (await post(edge)).text();
      expect(text, `cut after ${at} bytes`).toBe(wholeAnswer(claims[0]!.answer));
      expect(claims.length).toBeLessThanOrEqual(2);
    }
  });

  it('has the same bytes if every gateway is lost after one event', async () => {
    const { edge, claims } = scripted([
      (claim, { record }) => {
        const bytes = gatewayStream(claim.answer, record);
        return streamOf(encode(bytes.slice(0, bytes.indexOf('\n\n') + 30)), { fails: true });
      },
    ]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(claims).toHaveLength(5);
  });

  it('ends with an error if three gateways in a row are lost before the next event', async () => {
    const { edge, claims } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer).slice(0, 500))),
      (claim, { record }) => streamOf(encode(gatewayStream(claim.answer, record).slice(0, 150))),
    ]);
    expect(await (await post(edge)).text()).toContain('"code":"stream_lost"');
    expect(claims).toHaveLength(4);
  });

  it('is repeated with the same answer and request, and new signatures', async () => {
    const cut = (claim: Claims) => streamOf(encode(gatewayStream(claim.answer)).subarray(0, 500));
    const { edge, claims } = scripted([() => streamOf(new Uint8Array()), cut, whole]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(claims).toHaveLength(3);
    const [first, ...others] = claims;
    expect(first).toMatchObject({ tenant: 'edge', scopes: ['generate'], region: 'test', records: true });
    for (const other of others) {
      expect(other).toMatchObject({ request: first!.request, answer: first!.answer });
      expect(other.nonce).not.toBe(first!.nonce);
    }
    expect(claims[1]!.body).toBe(first!.body);
    expect(claims[2]!.body).not.toBe(first!.body);
  });

  it('goes back to the same gateway after a lost connection, and to another one after a move', async () => {
    const first = (claim: Claims) =>
      `${gatewayStream(claim.answer).split('\n\n').slice(0, 2).join('\n\n')}\n\n`;
    const lost = scripted([(claim) => streamOf(encode(first(claim))), whole]);
    expect(await (await post(lost.edge)).text()).toBe(wholeAnswer(lost.claims[0]!.answer));
    expect(lost.urls[1]).toBe(lost.urls[0]);

    const moved = scripted([(claim) => streamOf(encode(`${first(claim)}:m\n\ndata: never\n\n`)), whole]);
    expect(await (await post(moved.edge)).text()).toBe(wholeAnswer(moved.claims[0]!.answer));
    expect(moved.urls[1]).not.toBe(moved.urls[0]);
    expect(moved.edge.counts.get('continuations', new URL(moved.urls[1]!).origin)).toBe(1);
  });

  it('asks another gateway if one refuses to continue it', async () => {
    const refuse = (status: number) => () => Response.json({}, { status });
    const { edge, urls, claims, logged } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer)).subarray(0, 500)),
      refuse(409),
      refuse(400),
      whole,
    ]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(new Set(urls.slice(1)).size).toBe(3);
    expect(logged).toEqual(['stream_interrupted', 'continuation_refused', 'continuation_refused']);
  });

  it('asks a gateway that leaves service or is unavailable again if it knows no other, but not one that refuses', async () => {
    const alone = { regions: onlyRegion('test', ['http://balancer']) };
    const unavailable = (status: number) => () => Response.json({}, { status });
    const moved = (claim: Claims) => {
      const first = gatewayStream(claim.answer).split('\n\n').slice(0, 2).join('\n\n');
      return streamOf(encode(`${first}\n\n:m 10.0.0.7:8080\n\n`));
    };
    const { edge, claims, urls } = scripted([moved, unavailable(503), unavailable(502), whole], alone);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(urls).toHaveLength(4);

    const lost = scripted([moved, unavailable(503)], alone);
    expect(await (await post(lost.edge)).text()).toContain('"code":"stream_lost"');
    expect(lost.urls).toHaveLength(4);

    const refused = scripted([moved, unavailable(409), whole], alone);
    expect(await (await post(refused.edge)).text()).toContain('"code":"stream_lost"');
    expect(refused.urls).toHaveLength(2);
  });

  it('goes to the gateway that the leaving one names', async () => {
    const moved = (claim: Claims) =>
      `${gatewayStream(claim.answer).split('\n\n').slice(0, 2).join('\n\n')}\n\n`;
    for (const [address, url] of [
      ['b:80', 'http://b'],
      ['c:443', 'https://c'],
    ]) {
      const { edge, urls, claims } = scripted(
        [(claim) => streamOf(encode(`${moved(claim)}:m ${address}\n\n`)), whole],
        { regions: onlyRegion('test', ['http://a', 'http://b', 'https://c']) },
      );
      expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
      if (!urls[0]?.startsWith(url!)) expect(new URL(urls[1]!).origin).toBe(url);
    }
  });

  it('waits for a place if the queues of the gateways are full', async () => {
    const full = () => Response.json({}, { status: 429, headers: { 'retry-after': '0' } });
    const { edge, claims } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer)).subarray(0, 500), { fails: true }),
      ...new Array<typeof full>(8).fill(full),
      whole,
    ]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(claims).toHaveLength(10);
  });

  it('continues at another gateway if a line of the record cannot be read', async () => {
    const { edge, claims, urls } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer).replace(':r 0 3 ', ':r 0 x '))),
      whole,
    ]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(urls[1]).not.toBe(urls[0]);
  });

  it('is not continued after its end', async () => {
    const { edge, claims } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer)), { fails: true }),
    ]);
    expect(await (await post(edge)).text()).toBe(wholeAnswer(claims[0]!.answer));
    expect(claims).toHaveLength(1);
  });

  it('that has no record ends with an error if it is lost', async () => {
    const { edge, claims } = scripted([() => streamOf(encode('data: {"n":1}\n\n'))]);
    expect(await (await post(edge)).text()).toMatch(/^data: {"n":1}\n\ndata: {"error":.*stream_lost.*\n\n$/);
    expect(claims).toHaveLength(1);
  });
});

it('sixty streams that are cut at once are continued, at most 16 a second at each gateway', async () => {
  let dead: string | undefined;
  const starts: { url: string; at: number }[] = [];
  const answers: Claims['answer'][] = [];
  const ask: Ask = async (url, { headers, body: bytes = new Uint8Array() }) => {
    const claims: Claims = JSON.parse(headers.get(CLAIMS_HEADER) ?? '{}');
    const { record } = splitBody(headers, bytes);
    const { origin } = new URL(url);
    if (record === undefined) {
      answers.push(claims.answer);
      return streamOf(encode(gatewayStream(claims.answer).slice(0, 500)), { fails: true });
    }
    if (origin === dead) throw new Error('connection refused');
    starts.push({ url: origin, at: performance.now() });
    return streamOf(encode(gatewayStream(claims.answer, record)));
  };
  const { edge } = scripted([], { ask });
  dead = ranked(JSON.stringify('once é upon'), [
    { name: 'http://a' },
    { name: 'http://b' },
    { name: 'http://c' },
  ])[0]!.name;
  const replies = await Promise.all(Array.from({ length: 60 }, () => post(edge)));
  const begun = performance.now();
  const texts = await Promise.all(replies.map((reply) => reply.text()));
  expect(new Set(texts)).toEqual(new Set(answers.map(wholeAnswer)));
  // One gateway refuses connections, so two gateways begin 32 continuations a second.
  expect(performance.now() - begun).toBeLessThan(3_500);
  for (const url of ['http://a', 'http://b', 'http://c']) {
    const times = starts.filter((start) => start.url === url).map(({ at }) => at);
    times.forEach((at, i) => {
      if (i >= 16) expect(at - times[i - 16]!).toBeGreaterThan(900);
    });
  }
});

describe('a stream that no gateway can continue', () => {
  const lost = async (path: string) => {
    const { edge, claims } = scripted([
      (claim) => streamOf(encode(gatewayStream(claim.answer).slice(0, 600))),
      () => Promise.reject(new Error('connection refused')),
    ]);
    const text = await (await post(edge, path)).text();
    expect(claims).toHaveLength(4);
    const received = text.split('\n\n');
    expect(received.at(-1)).toBe('');
    return { error: received.at(-2)!, events: received.length - 2 };
  };
  const dataOf = (event: string) => JSON.parse(event.slice(event.indexOf('data: ') + 6));
  const message = expect.stringContaining('incomplete');

  it('ends with an error event of OpenAI’s completions', async () => {
    for (const path of ['/v1/completions', '/chat/completions']) {
      const { error } = await lost(path);
      expect(error).toMatch(/^data: /);
      const shape = { message, type: 'server_error', param: null, code: 'stream_lost' };
      expect(dataOf(error)).toEqual({ error: shape });
    }
  });

  it('ends with an error event of Anthropic’s Messages', async () => {
    const { error } = await lost('/v1/messages');
    expect(error).toMatch(/^event: error\ndata: /);
    expect(dataOf(error)).toMatchObject({ type: 'error', error: { type: 'api_error', message } });
  });

  it('ends with an error event of OpenAI’s Responses, with the next sequence number', async () => {
    const { error, events } = await lost('/v1/responses');
    expect(error).toMatch(/^event: error\ndata: /);
    expect(dataOf(error)).toEqual({
      type: 'error',
      code: 'stream_lost',
      message,
      param: null,
      sequence_number: events,
    });
  });
});

describe('over real connections', () => {
  async function start(
    count: number,
    options: { silentMs?: number; everyMs?: number; patienceMs?: number; aloneMs?: number } = {},
  ) {
    const gateways = await Promise.all(Array.from({ length: count }, () => startStandIn(serveWhole)));
    const urls = gateways.map(({ url }) => url);
    const edge = createNodeEdge({
      regions: onlyRegion('test', urls),
      secret,
      region: 'test',
      log: () => {},
      ...options,
    });
    afterFile(async () => edge.close());
    await edge.checked;
    return { edge, gateways };
  }

  const serveWhole: Handle = ({ claims, record }, response) => {
    response.writeHead(200, eventStream).end(gatewayStream(claims.answer, record));
  };

  /** Answers the first request of all gateways with `first`. */
  function first(gateways: StandIn[], handle: Handle): void {
    let begun = false;
    for (const gateway of gateways) {
      gateway.handle = (seen, response, request) => {
        if (begun) return serveWhole(seen, response, request);
        begun = true;
        return handle(seen, response, request);
      };
    }
  }

  const seenBy = (gateways: StandIn[]) => gateways.flatMap(({ seen }) => seen);

  it('a stream has the same bytes after cuts at many places', async () => {
    const { length } = encode(gatewayStream({ id: '0'.repeat(32), created: 1_234_567_890, seed: 1 }));
    const { gateways, edge } = await start(2);
    for (let at = 0; at < length; at += 53) {
      for (const gateway of gateways) gateway.seen.length = 0;
      first(gateways, async ({ claims }, response) => {
        response.writeHead(200, eventStream).flushHeaders();
        response.write(encode(gatewayStream(claims.answer)).subarray(0, at));
        await delay(2);
        response.destroy();
      });
      expect(await (await post(edge)).text()).toBe(wholeAnswer(seenBy(gateways)[0]!.claims.answer));
    }
  });

  it('a stream moves from a gateway that is killed', async () => {
    const { gateways, edge } = await start(2);
    first(gateways, async ({ claims }, response, request) => {
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
      await delay(20);
      const self = gateways.find(({ url }) => url.endsWith(`:${request.socket.localPort}`));
      await self?.stop();
    });
    const answer = await post(edge);
    expect(await answer.text()).toBe(wholeAnswer(seenBy(gateways)[0]!.claims.answer));
    const last = seenBy(gateways).find(({ record }) => record !== undefined)!;
    expect(last.own).toBe(body);
    expect(Number(last.headers.get(RECORD_HEADER))).toBe(last.bytes.length - Buffer.byteLength(body));
  });

  it('a stream moves from a gateway that sends nothing for too long', async () => {
    const { gateways, edge } = await start(2, { silentMs: 150 });
    first(gateways, ({ claims }, response) => {
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
    });
    expect(await (await post(edge)).text()).toBe(wholeAnswer(seenBy(gateways)[0]!.claims.answer));
    expect(gateways.map(({ seen }) => seen.length)).toEqual([1, 1]);
  });

  it('a stream and a whole answer move from a gateway that does not answer health checks', async () => {
    const { gateways, edge } = await start(2, { everyMs: 50, patienceMs: 100 });
    for (const stream of [true, false]) {
      const before = seenBy(gateways).length;
      first(gateways, ({ claims }, response, request) => {
        const self = gateways.find(({ url }) => url.endsWith(`:${request.socket.localPort}`))!;
        self.ready = undefined;
        if (stream) response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
      });
      const begun = performance.now();
      const text = await (await post(edge)).text();
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(text.endsWith(ENDING)).toBe(true);
      expect(seenBy(gateways)).toHaveLength(before + 2);
      for (const gateway of gateways) gateway.ready = 200;
      await expect.poll(() => edge.gateways.all.every((each) => edge.gateways.isHealthy(each))).toBe(true);
    }
  });

  it('a stream at the only gateway goes on if the gateway is silent for a short time, and is given up after a long one', async () => {
    const { gateways, edge } = await start(1, { everyMs: 50, patienceMs: 50, aloneMs: 1_000 });
    const [gateway] = gateways as [StandIn];
    const becomesHealthy = async (isHealthy: boolean) =>
      await expect
        .poll(() => edge.gateways.all.every((each) => edge.gateways.isHealthy(each)))
        .toBe(isHealthy);
    gateway.handle = async ({ claims, record }, response) => {
      const text = gatewayStream(claims.answer, record);
      response.writeHead(200, eventStream).write(text.slice(0, 500));
      gateway.ready = undefined;
      await becomesHealthy(false);
      await delay(300);
      gateway.ready = 200;
      response.end(text.slice(500));
    };
    const text = await (await post(edge)).text();
    expect(text).toBe(wholeAnswer(gateway.seen[0]!.claims.answer));
    expect(gateway.seen).toHaveLength(1);

    await becomesHealthy(true);
    gateway.handle = ({ claims, record }, response) => {
      if (record !== undefined) return void response.destroy();
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
      gateway.ready = undefined;
    };
    const begun = performance.now();
    expect(await (await post(edge)).text()).toContain('"code":"stream_lost"');
    expect(performance.now() - begun).toBeGreaterThan(1_000);
  });

  it('the client’s leaving ends the stream at the gateway', async () => {
    const { gateways, edge } = await start(2);
    const closed = Promise.withResolvers<void>();
    first(gateways, ({ claims }, response) => {
      response.on('close', closed.resolve);
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
    });
    const answer = await post(edge);
    const reader = answer.body!.getReader();
    await reader.read();
    await reader.cancel();
    await closed.promise;
    expect(seenBy(gateways)).toHaveLength(1);
    expect(edge.gateways.all.map(({ aborts }) => aborts.size)).toEqual([0, 0]);
  });

  it('a stream is read only when the client reads', async () => {
    const { gateways, edge } = await start(1);
    let written = 0;
    gateways[0]!.handle = async ({ claims }, response) => {
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
      const large = `: ${'x'.repeat(64 * 1024)}\n\n`;
      for (; written < 1_000 && response.write(large); written++) await delay(1);
    };
    const answer = await post(edge);
    await delay(300);
    const before = written;
    await delay(200);
    expect(written).toBe(before);
    expect(before).toBeLessThan(200);
    await answer.body!.cancel();
  });

  it('the end of the edge ends open streams with an error', async () => {
    const { gateways, edge } = await start(2);
    first(gateways, ({ claims }, response) => {
      response.writeHead(200, eventStream).write(gatewayStream(claims.answer).slice(0, 500));
    });
    const answer = await post(edge);
    const text = answer.text();
    await delay(20);
    edge.drain();
    const refused = await post(edge);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await edge.fetch(new Request('http://edge/health/ready'))).status).toBe(503);
    edge.cut();
    expect(await text).toContain('"code":"shutting_down"');
  });

  it('the end of the edge ends streams that wait to be continued, too', async () => {
    const ask: Ask = async (_, { headers, body: bytes = new Uint8Array(), signal }) => {
      const claim: Claims = JSON.parse(headers.get(CLAIMS_HEADER) ?? '{}');
      if (splitBody(headers, bytes).record !== undefined)
        await delay(60_000, undefined, { ref: false, signal });
      return streamOf(encode(gatewayStream(claim.answer)).subarray(0, 500), { fails: true });
    };
    const { edge } = scripted([], { ask });
    const texts = Array.from({ length: 80 }, async () => (await post(edge)).text());
    await delay(200);
    const from = performance.now();
    edge.cut();
    for (const text of await Promise.all(texts)) expect(text).toContain('"code":"shutting_down"');
    expect(performance.now() - from).toBeLessThan(1_000);
  });
});
