// Checks of a request body before its fields are read: media type, encoding, size and UTF-8, at every endpoint with a body.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { honestRequests } from '../fuzz/fuzz-requests.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';

const LIMIT = 300_000;

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, chat: TOOL_TEMPLATE, limits: { bodyBytes: LIMIT } });
});

afterAll(async () => {
  expect(room.engine.open).toBe(0);
  await room.server.close(0);
});

const firsts = honestRequests.filter(
  ({ path }, i) => honestRequests.findIndex((each) => each.path === path) === i,
);
const completion = JSON.stringify({ model: MODEL, prompt: 'hello' });

type Bytes = Uint8Array<ArrayBuffer>;
const bytesOf = (data: Uint8Array): Bytes => new Uint8Array(data);

async function send(path: string, body: Bytes | string, headers: Record<string, string> = {}) {
  const init = { method: 'POST', headers: { ...JSON_TYPE, ...headers } };
  const answer = await fetch(room.url + path, body.length > 0 ? { ...init, body } : init);
  const { error } = (await answer.json()) as { error?: { message: string; param?: string; code?: string } };
  return { status: answer.status, headers: answer.headers, error, message: error?.message ?? '' };
}

const encoders: Record<string, (text: string) => Uint8Array> = {
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  GZIP: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  identity: (text) => Buffer.from(text),
  'identity, gzip': zlib.gzipSync,
  'gzip, br': (text) => zlib.brotliCompressSync(zlib.gzipSync(text)),
  'deflate,gzip , deflate, identity,': (text) => zlib.deflateSync(zlib.gzipSync(zlib.deflateSync(text))),
  // Node has zstd since version 22.15.
  ...(typeof zlib.zstdCompressSync === 'function' && { zstd: zlib.zstdCompressSync }),
};

describe.each(firsts)('$path', ({ path, body }) => {
  const text = JSON.stringify(body);

  test.each(Object.entries(encoders))('accepts a body with content-encoding %s', async (encoding, encode) => {
    const answer = await send(path, bytesOf(encode(text)), { 'content-encoding': encoding });
    expect([answer.status, answer.message]).toEqual([200, '']);
  });

  test.each(['compress', 'gzip, compress', '__proto__', 'utf-8', 'gzip,gzip,gzip,gzip,gzip'])(
    'refuses the content-encoding %s and names the supported encodings',
    async (encoding) => {
      const { status, headers, message } = await send(path, text, { 'content-encoding': encoding });
      expect(status).toBe(415);
      expect(headers.get('accept-encoding')).toMatch(/^gzip, br, deflate(, zstd)?$/);
      const wrong = encoding.split(', ').at(-1) ?? '';
      expect(message).toContain(wrong.startsWith('gzip') ? 'More than 4 content-encodings' : `'${wrong}'`);
    },
  );

  test.each([
    undefined,
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'text/plain; application/json',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'application/json;charset=utf-8;charset=latin1',
  ])('refuses the content type %s and names the type to send', async (type) => {
    const headers = type === undefined ? undefined : { 'content-type': type };
    const init = { method: 'POST', body: bytesOf(Buffer.from(text)), ...(headers && { headers }) };
    const answer = await fetch(room.url + path, init);
    expect([answer.status, answer.headers.get('accept')]).toEqual([415, 'application/json']);
    expect(await answer.text()).toContain("'content-type: application/json'");
  });

  test.each([
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/json; profile=x; charset=utf8',
    'application/vnd.api+json',
  ])('accepts the content type %s', async (type) => {
    expect((await send(path, text, { 'content-type': type })).status).toBe(200);
  });

  test.each([
    ['Latin-1', [0xe9]],
    ['GBK', [0xc4, 0xe3, 0xba, 0xc3]],
    ['a surrogate written as three bytes', [0xed, 0xa0, 0x80]],
    ['a slash in an overlong encoding', [0xc0, 0xaf]],
    ['half of a character', [0xf0, 0x9f]],
  ])('refuses bytes that are not UTF-8: %s', async (_what, bytes) => {
    const [head = '', tail = ''] = JSON.stringify({ ...body, metadata: { k: 'HERE' } }).split('HERE');
    const broken = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
    const { status, message } = await send(path, bytesOf(broken));
    expect([status, message]).toEqual([400, expect.stringMatching(/not UTF-8: byte \d+ is/)]);
  });

  test.each([
    ['{"k": "x\\ud83d"}', 'metadata.k', 'U+D83D at position 1'],
    ['{"k": "\\uDC00"}', 'metadata.k', 'U+DC00 at position 0'],
    ['{"k": "\\ud83d\\ude00\\ude00"}', 'metadata.k', 'U+DE00 at position 2'],
    ['{"k": "\\\\ud83d\\ude00"}', 'metadata.k', 'U+DE00 at position 6'],
    ['{"x\\ud800": 1}', 'metadata.x\ufffd', 'U+D800 at position 1'],
    ['[[0, {"a": ["b", "\\udfff"]}]]', 'metadata[0][1].a[1]', 'U+DFFF at position 0'],
    [`${'['.repeat(50_000)}"\\udfff"${']'.repeat(50_000)}`, `metadata${'[0]'.repeat(29)}`, 'U+DFFF'],
  ])('refuses a lone surrogate and names its field: case %#', async (value, name, why) => {
    const { status, message } = await send(path, `${text.slice(0, -1)}, "metadata": ${value}}`);
    expect([status, message]).toEqual([400, expect.stringContaining(`Invalid '${name}'`)]);
    expect(message).toContain(why);
    expect(message.isWellFormed()).toBe(true);
  });
});

test('a pair of surrogate escapes is a character, and a byte order mark is ignored', async () => {
  const text = completion.replace('hello', '\\ud83d\\ude00 \\\\ud83d 😀');
  expect((await send('/v1/completions', `\ufeff${text}`)).status).toBe(200);
});

test.each([
  ['prompt', '{"prompt": ["a", "\\ud800"]}', 'prompt[1]'],
  ['stop', '{"prompt": "a", "stop": "\\ud800"}', 'stop'],
  ['a name', '{"\\ud800": 1}', '\ufffd'],
])('the error about a lone surrogate in %s has the field as its param', async (_what, text, param) => {
  const { error } = await send('/v1/completions', text);
  expect(error).toMatchObject({ param, code: 'lone_surrogate' });
});

test('a lone surrogate within the arguments of a call that is sent back is refused', async () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a": "\\ud800"}' } };
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c', content: 'x' },
  ];
  const { status, error } = await send('/v1/chat/completions', JSON.stringify({ model: MODEL, messages }));
  expect(status).toBe(400);
  expect(error).toMatchObject({ param: 'messages[1].tool_calls[0].function.arguments.a' });
});

test.each([
  ['guided_json', '{"enum": ["\\ud800"]}', 'guided_json.enum[0]', 'lone surrogate'],
  ['guided_regex', '\\ud800', 'guided_regex', 'matches no text'],
  ['guided_grammar', 'root ::= "\\ud800"', 'guided_grammar', 'lone surrogate'],
])('an escape of a lone surrogate within the text of %s is refused', async (name, value, param, why) => {
  const body = JSON.stringify({ model: MODEL, prompt: 'x', [name]: value });
  const { status, error, message } = await send('/v1/completions', body);
  expect([status, error?.param]).toEqual([400, param]);
  expect(message).toContain(why);
});

test('an error that quotes the beginning of a text does not split a character', async () => {
  const odd = JSON.stringify({
    model: MODEL,
    prompt: 'x',
    [`${'a'.repeat(199)}😀`]: 1,
    [`${'b'.repeat(199)}😀`]: 1,
  });
  const headers = JSON_TYPE;
  const answer = await fetch(`${room.url}/v1/completions`, { method: 'POST', headers, body: odd });
  const text = await answer.text();
  expect(text).toContain('unknown_parameter');
  expect(text).toContain(`${'b'.repeat(199)}\ufffd`);
  expect(text).not.toMatch(/\\ud[89a-f]/i);
});

describe('a body that is not what its content-encoding says', () => {
  const whole = encoders.gzip(completion);
  test.each<[string, string, Uint8Array]>([
    ['gzip', 'cut short', whole.subarray(0, -5)],
    ['gzip', 'of something else', Buffer.from(completion)],
    ['gzip', 'with another checksum', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 1)])],
    ['gzip', 'with bytes behind it', Buffer.concat([whole, Buffer.from('more')])],
    ['br', 'cut short', encoders.br(completion).subarray(0, -2)],
    ['br', 'with bytes behind it', Buffer.concat([encoders.br(completion), Buffer.from('more')])],
    ['deflate', 'without its header', zlib.deflateRawSync(completion)],
    ['deflate', 'with bytes behind it', Buffer.concat([encoders.deflate(completion), Buffer.from('more')])],
    ['gzip, br', 'wrong in the inner layer', zlib.brotliCompressSync(completion)],
    ...(encoders.zstd ? [['zstd', 'of something else', Buffer.from(completion)] as const] : []).map(
      ([name, what, bytes]): [string, string, Uint8Array] => [name, what, bytes],
    ),
  ])('%s, %s, is a 400', async (encoding, _what, bytes) => {
    const { status, error, message } = await send('/v1/completions', bytesOf(bytes), {
      'content-encoding': encoding,
    });
    expect([status, error?.code]).toEqual([400, 'invalid_content_encoding']);
    expect(message).toContain('stream that its content-encoding says');
  });
});

describe('sizes', () => {
  const mebibytes = 512;
  const bomb = Buffer.concat(new Array<Buffer>(mebibytes / 8).fill(zlib.gzipSync(Buffer.alloc(2 ** 23, 32))));

  test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
    ['gzip', () => bomb.subarray(0, LIMIT)],
    ['gzip, gzip', () => zlib.gzipSync(bomb)],
    [
      'br',
      () =>
        promisify(zlib.brotliCompress)(Buffer.alloc(2 ** 25, 32), {
          params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
        }),
    ],
    ...(encoders.zstd
      ? ([['zstd', () => zlib.zstdCompressSync(Buffer.alloc(2 ** 26, 32))]] as [string, () => Uint8Array][])
      : []),
  ])('a decompression bomb (%s) is a 413 that costs little memory', async (encoding, make) => {
    const body = bytesOf(await make());
    expect(body.length).toBeLessThanOrEqual(LIMIT);
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 1);
    const { status, error } = await send('/v1/completions', body, { 'content-encoding': encoding });
    clearInterval(watch);
    expect([status, error?.code]).toEqual([413, 'request_too_large']);
    expect(most).toBeLessThan(64 * 2 ** 20);
  });

  test('a connection with an unread body answers the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    const ask = async (body: Uint8Array, more: object = {}) => {
      const init = { method: 'POST', headers: { ...headers, ...more }, agent };
      const asked = request(`${room.url}/v1/completions`, init);
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
      return [answer.statusCode, asked.reusedSocket];
    };
    const refused = [
      await ask(bomb.subarray(0, LIMIT)),
      await ask(Buffer.alloc(LIMIT + 1)),
      await ask(Buffer.alloc(LIMIT), { 'content-encoding': 'compress' }),
    ];
    expect(refused.map(([status]) => status)).toEqual([413, 413, 415]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await ask(encoders.gzip(completion))).toEqual([200, true]);
    agent.destroy();
  });

  test('the limit also applies to decoded bytes: a body of exactly that size is accepted', async () => {
    const padded = (bytes: number) => completion + ' '.repeat(bytes - completion.length);
    const ask = (bytes: number) =>
      send('/v1/completions', bytesOf(zlib.gzipSync(padded(bytes))), { 'content-encoding': 'gzip' });
    expect((await ask(LIMIT)).status).toBe(200);
    expect((await ask(LIMIT + 1)).status).toBe(413);
  });
});

test.each(['/v1/messages', '/v1/messages/count_tokens'])("%s has Anthropic's error shape", async (path) => {
  const error = async (init: RequestInit) => {
    const answer = await fetch(room.url + path, { method: 'POST', ...init });
    return [answer.status, await answer.json()];
  };
  const envelope = (type: string) => ({
    type: 'error',
    error: { type, message: expect.any(String) },
    request_id: expect.stringMatching(/^req_/),
  });
  const text = bytesOf(Buffer.from('{}'));
  expect(await error({ body: text })).toEqual([415, envelope('invalid_request_error')]);
  const large = bytesOf(Buffer.alloc(LIMIT + 1, 32));
  expect(await error({ body: large, headers: JSON_TYPE })).toEqual([413, envelope('request_too_large')]);
});
