// Requests whose prompt belongs to another gateway: what is passed on, which answers reach the client, and what is computed here.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type PeerCard, Peers } from '../../../../gateway/api/peers/peers.ts';
import { relayedChoices } from '../../../../gateway/api/peers/relayed.ts';
import { prefixKey, rendezvous } from '../../../../gateway/api/peers/rendezvous.ts';
import { Shutdown, shuttingDown } from '../../../../gateway/api/shutdown.ts';
import { hashKey, type StoredKey } from '../../../../gateway/api/tenants/keys.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, type RoomOptions, until } from '../harness.ts';

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

interface FakePeer {
  address: string;
  asked: { headers: IncomingMessage['headers']; fields: Record<string, unknown> }[];
  /** Makes the peer accept connections without answering GET /peer. */
  silence(): void;
}

async function openPeer(answer: Answering, models: object = { [MODEL]: 'fake' }): Promise<FakePeer> {
  const asked: FakePeer['asked'] = [];
  let silent = false;
  const server = createServer(async (asking, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of asking) chunks.push(chunk);
    if (asking.url === '/peer') {
      if (!silent) response.end(JSON.stringify({ instance: 'peer', models }));
      return;
    }
    asked.push({ headers: asking.headers, fields: JSON.parse(Buffer.concat(chunks).toString()) });
    answer(asking, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, asked, silence: () => (silent = true) };
}

/** A gateway with this peer, and a request whose prompt belongs to the peer. */
async function openBeside(peer: FakePeer, api: RoomOptions['api'] = {}) {
  const room = await openRoom({ once: true, api: { peerAddresses: () => [peer.address], ...api } });
  const card = (await (await fetch(`${room.url}/peer`)).json()) as PeerCard;
  const nodes = [{ name: card.instance }, { name: 'peer' }];
  const prompts = Array.from({ length: 200 }, (_, i) => Array<number>(40).fill(i));
  const prompt = prompts.find((ids) => {
    return rendezvous(prefixKey(MODEL, ids) ?? '', nodes).name === 'peer';
  });
  return { ...room, card, fields: { model: MODEL, prompt, max_tokens: 3 } };
}

const completion = {
  id: 'cmpl-peer',
  object: 'text_completion',
  created: 1,
  model: MODEL,
  system_fingerprint: 'fp_peer',
  choices: [{ index: 0, text: 'from the peer', finish_reason: 'stop', logprobs: null }],
};

const complete: Answering = (_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(completion));
};

const post = async ({ url }: Pick<Room, 'url'>, body: object, init: RequestInit = {}) => {
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { ...JSON_TYPE, ...init.headers },
  });
  return { status: answer.status, by: answer.headers.get('x-expertgrid-gateway'), text: await answer.text() };
};

test('the card (the answer to GET /peer) has the models of the gateway with their identities', async () => {
  const { card } = await openBeside(await openPeer(complete));
  expect(card.models).toEqual({ [MODEL]: 'fake' });
});

test('a request that is passed on has only headers of an allow-list, and no fields without effect', async () => {
  const peer = await openPeer(complete);
  const room = await openBeside(peer);
  const metadata = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  const body = `${JSON.stringify({ ...room.fields, user: 'u' }).slice(0, -1)},"metadata":${metadata}}`;
  const headers = {
    ...JSON_TYPE,
    authorization: 'Bearer k',
    'x-request-id': 'mine',
    'x-forwarded-for': '1.2.3.4',
  };
  const answer = await fetch(`${room.url}/v1/completions`, { method: 'POST', body, headers });
  expect(await answer.text()).toContain('from the peer');
  expect(answer.headers.get('x-expertgrid-no-effect')).toBe('metadata');
  expect(peer.asked[0]?.fields).toEqual(room.fields);
  expect(peer.asked[0]?.headers).toMatchObject({ authorization: 'Bearer k', 'x-request-id': 'mine' });
  expect(peer.asked[0]?.headers).not.toHaveProperty('x-forwarded-for');
});

test("a request that is passed on takes this gateway's settings of experts along, unless it makes its own", async () => {
  const peer = await openPeer(complete);
  const room = await openBeside(peer, { experts: { expert_budget: 5, expert_policy: 'unsure' } });
  await post(room, room.fields);
  await post(room, { ...room.fields, expertgrid: { digests: true } });
  await post(room, { ...room.fields, expertgrid: { experts_per_token: 2 } });
  expect(peer.asked.map(({ fields }) => fields.expertgrid)).toEqual([
    { expert_budget: 5, expert_policy: 'unsure' },
    { digests: true, expert_budget: 5, expert_policy: 'unsure' },
    { experts_per_token: 2 },
  ]);
});

test('a request that was passed on does not get the settings of experts of this gateway', async () => {
  const { post, engine } = await openRoom({ once: true, api: { experts: { expert_budget: 5 } } });
  const body = { model: MODEL, prompt: 'x', max_tokens: 1 };
  await post('/v1/completions', body, { headers: { 'x-expertgrid-forwarded': 'peer' } });
  await post('/v1/completions', body);
  expect(engine.requests.map(({ routing }) => routing)).toEqual([undefined, { expertsPerToken: [3, 2] }]);
});

test('Expect: 100-continue is not passed on', async () => {
  const peer = await openPeer(complete);
  const room = await openBeside(peer);
  const asked = request(`${room.url}/v1/completions`, {
    method: 'POST',
    headers: { ...JSON_TYPE, expect: '100-continue' },
  });
  asked.end(JSON.stringify(room.fields));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  expect(answer.headers['x-expertgrid-gateway']).toBe(peer.address);
  answer.resume();
});

test.each([
  [401, 'invalid_api_key'],
  [403, 'insufficient_permissions'],
  [404, 'model_not_found'],
  [302, 'elsewhere'],
  [429, 'queue_full'],
  [500, 'internal'],
  [503, 'shard_unavailable'],
])('a request that a peer refuses with %i %s is computed here, streamed or not', async (status, code) => {
  const peer = await openPeer((_, response) => {
    response.writeHead(status, { location: '/peer' });
    response.end(JSON.stringify({ error: { code } }));
  });
  const room = await openBeside(peer);
  for (const stream of [false, true]) {
    const answer = await post(room, { ...room.fields, stream });
    expect(answer).toMatchObject({ status: 200, by: null });
    expect(answer.text).toContain('hello');
  }
  expect(peer.asked).toHaveLength(2);
});

test('a limit of the client’s key at a peer is returned to the client', async () => {
  const error = { message: 'no', type: 'requests', param: null, code: 'rate_limit_exceeded' };
  const peer = await openPeer((_, response) => {
    response.writeHead(429, { 'retry-after': '7' });
    response.end(JSON.stringify({ error }));
  });
  const room = await openBeside(peer);
  const answer = await room.post('/v1/completions', room.fields);
  expect([answer.status, answer.body, answer.headers.get('retry-after')]).toEqual([429, { error }, '7']);
});

test('a client that leaves while its request is at a peer stops counting as an open request', async () => {
  const peer = await openPeer(() => {}); // never answers
  const key: StoredKey = {
    ...{ name: 'a', sha256: hashKey('eg-a'), created: '2026-01-31T12:00:00.000Z' },
    concurrency: 1,
  };
  const room = await openBeside(peer, { access: { keys: () => [key], sharedPrefix: true } });
  const headers = { authorization: 'Bearer eg-a' };
  const leaving = new AbortController();
  const left = post(room, room.fields, { headers, signal: leaving.signal });
  await until(() => peer.asked.length === 1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await until(() => room.logs.some(({ status, error }) => status === 499 && error === 'client_closed'));
  const short = { model: MODEL, prompt: 'hello', max_tokens: 2 };
  expect((await post(room, short, { headers })).status).toBe(200);
});

test('a thrown value that is not an Error ends its request like any failure', async () => {
  const room = await openRoom({
    api: {
      access: {
        keys: () => {
          throw 'a text';
        },
      },
    },
  });
  const { status, body } = await room.post('/v1/completions', { model: MODEL, prompt: 'x' });
  expect([status, body.error.code]).toEqual([500, 'internal']);
  expect(room.logs).toContainEqual(expect.objectContaining({ status: 500, msg: 'request' }));
});

test('a request is not passed to a peer with another checkpoint under the same id', async () => {
  const peer = await openPeer(complete, { [MODEL]: 'another' });
  const room = await openBeside(peer);
  expect(await post(room, room.fields)).toMatchObject({ status: 200, by: null });
  expect(peer.asked).toHaveLength(0);
});

/** Peers with frequent checks, and a request that one of them has begun to answer. */
async function passed(answer: Answering) {
  const peer = await openPeer(answer);
  const card = { instance: 'self', models: { [MODEL]: 'fake' } };
  const timing = { everyMs: 10, patienceMs: 200 };
  const peers = new Peers({ card, addresses: () => [peer.address], log: () => {}, ...timing });
  onTestFinished(() => peers.close());
  await until(() => peers.alive.length === 1);
  const asked = {
    ...{ path: '/v1/completions', headers: new Headers(), body: '{}', requestId: 'r' },
    signal: new AbortController().signal,
    broken: relayedChoices.broken,
    shutdown: new Shutdown(),
  };
  const answered = peers.pass(peer.address, asked);
  await until(() => peer.asked.length === 1);
  return { peer, answered };
}

test('requests at a peer that does not answer two checks are aborted', async () => {
  const { peer, answered } = await passed(() => {});
  peer.silence();
  expect(await answered).toBeUndefined();
});

test('a stream of a peer that does not answer two checks ends with an error event', async () => {
  const { peer, answered } = await passed((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"a":1}\n\n');
  });
  const response = await answered;
  peer.silence();
  const text = (await response?.text()) ?? '';
  expect(text.startsWith('data: {"a":1}\n\n')).toBe(true);
  expect(text).toContain('"gateway_lost"');
  expect(text).not.toContain('127.0.0.1'); // only the log has the address
});

test('a retry time is passed on only if clients can read it', async () => {
  for (const [wait, passedOn] of [
    ['1e+305', null],
    ['-5', null],
    ['30', '30'],
  ] as const) {
    const peer = await openPeer((_, response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': wait });
      response.end('{"error": {"code": "rate_limit_exceeded"}}');
    });
    const room = await openBeside(peer);
    const body = JSON.stringify(room.fields);
    const answer = await fetch(`${room.url}/v1/completions`, { method: 'POST', headers: JSON_TYPE, body });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe(passedOn);
  }
});

test('a peer whose card is too long is ignored', async () => {
  const endless = 'x'.repeat(300_000);
  const peer = await openPeer(complete, { [MODEL]: 'fake', more: endless });
  const room = await openBeside(peer);
  expect((await post(room, room.fields)).by).toBeNull();
});

test('a stream of a peer ends with an error event if this server ends first', async () => {
  const peer = await openPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"a":1}\n\ndata: {"half');
  });
  const shutdown = new Shutdown();
  const room = await openBeside(peer, { shutdown });
  const body = JSON.stringify({ ...room.fields, stream: true });
  const asking = { method: 'POST', headers: JSON_TYPE, body };
  let text = '';
  const { body: events } = await fetch(`${room.url}/v1/completions`, asking);
  for await (const piece of events!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    shutdown.cut(shuttingDown());
  }
  expect(text).toMatch(/^data: \{"a":1\}\n\ndata: \{"error":\{.*"code":"shutting_down"\}\}\n\n$/);
});

/** A conversation that belongs to the peer. */
async function messagesOfPeer(room: Awaited<ReturnType<typeof openBeside>>) {
  const nodes = [{ name: room.card.instance }, { name: 'peer' }];
  for (let i = 0; ; i++) {
    const messages = [{ role: 'user', content: `${i}`.repeat(40) }];
    const answer = await fetch(`${room.url}/tokenize`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ messages }),
    });
    const { tokens }: { tokens: number[] } = JSON.parse(await answer.text());
    if (rendezvous(prefixKey(MODEL, tokens) ?? '', nodes).name === 'peer') return messages;
  }
}

test('responses and messages are passed on unchanged, and so are the headers of their answers', async () => {
  const peer = await openPeer(complete);
  const room = await openBeside(peer);
  const messages = await messagesOfPeer(room);
  const response = { model: MODEL, input: messages, user: 'u', metadata: { a: 'b' }, max_output_tokens: 3 };
  const message = { model: MODEL, messages, max_tokens: 3, tool_choice: { type: 'none' } };
  const send = async (path: string, body: object) => {
    const answer = await fetch(room.url + path, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
    expect(await answer.text()).toContain('from the peer');
  };
  await send('/v1/responses', { ...response, store: true });
  await send('/v1/messages', { ...message, metadata: { user_id: 'u' } });
  expect(peer.asked.map(({ fields }) => fields)).toEqual([response, message]);
});

test.each([
  [
    '/v1/responses',
    { input: true },
    /^event: error\ndata: {"type":"error","code":"gateway_lost",.*"sequence_number":1}$/,
  ],
  [
    '/v1/messages',
    { messages: true, max_tokens: 3 },
    /^event: error\ndata: {"type":"error","error":{"type":"api_error",/,
  ],
])('if its gateway is lost, a stream of %s ends with an error event', async (path, fields, last) => {
  const peer = await openPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const half = ': keep-alive\n\nevent: ping\ndata: {"type":"pi';
    response.write(`event: ping\ndata: {"type":"ping"}\n\n${half}`, () => response.destroy());
  });
  const room = await openBeside(peer);
  const messages = await messagesOfPeer(room);
  const own = Object.entries(fields).map(([name, value]) => [name, value === true ? messages : value]);
  const body = JSON.stringify({ ...Object.fromEntries(own), model: MODEL, stream: true });
  const text = await (await fetch(room.url + path, { method: 'POST', headers: JSON_TYPE, body })).text();
  const events = text.split('\n\n').filter((each) => !each.startsWith(':'));
  expect(events).toEqual(['event: ping\ndata: {"type":"ping"}', expect.stringMatching(last), '']);
});
