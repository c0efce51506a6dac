import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defaultLimits } from '../../experts/wire/bounds.ts';
import {
  helloAnswerToValue,
  helloParams,
  parseHelloAnswer,
  parseHelloParams,
} from '../../experts/wire/hello.ts';
import {
  parseRunAnswer,
  parseRunRequest,
  runAnswerToValue,
  runRequestToParams,
} from '../../experts/wire/run.ts';
import { decodeMessage, encodeMessage } from '../../rpc/codec.ts';
import { RpcError, rpcErrorCodes } from '../../rpc/errors.ts';
import { FrameSplitter } from '../../rpc/frame.ts';
import type { Message } from '../../rpc/messages.ts';
import { framed } from '../rpc/framed.ts';

const doc = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

const offer = {
  identity: 'm',
  content: 'c',
  bits: 4,
  group: 32,
  layers: 2,
  experts: 4,
  hidden: 2,
  numericsClass: 'n',
  holdings: [
    [0, 0, 1],
    [1, 0, 1],
  ] as const,
};
const hello = { protocol: 1, role: 'gateway', version: '0.1.0' } as const;
const answer = {
  protocol: 1,
  version: '0.1.0',
  instance: 'a',
  state: 'available',
  models: [offer],
  limits: defaultLimits,
  epoch: 0,
} as const;
const run = {
  model: 'm',
  layer: 1,
  priority: 0,
  trace: 't',
  epoch: 0,
  rows: Float32Array.of(1, -2, 0.5, 3),
  asks: Uint16Array.of(0, 0, 1, 0, 1, 1),
} as const;
const ran = { rows: Float32Array.of(0, 1, 2, 3, 4, 5), runMs: 0.25, queueMs: 0.5 };
const notHeld = new RpcError('not_held', 'expert 1 of layer 1 is not held by this shard');

const examples: [string, Message][] = [
  [
    'hello-request',
    { type: 'request', id: 1, method: 'hello', params: { ...helloParams(hello), deadlineMs: 5000 } },
  ],
  ['hello-response', { type: 'response', id: 1, error: undefined, result: helloAnswerToValue(answer) }],
  [
    'run-request',
    { type: 'request', id: 2, method: 'expert.run', params: { ...runRequestToParams(run), deadlineMs: 200 } },
  ],
  ['run-response', { type: 'response', id: 2, error: undefined, result: runAnswerToValue(ran) }],
  ['run-error', { type: 'response', id: 2, error: notHeld, result: null }],
  ['cancel', { type: 'notification', method: 'cancel', params: { id: 2 } }],
];

test.each(examples)(
  'the bytes of %s in docs/protocol.md are the bytes that the code sends',
  (name, message) => {
    const payload = encodeMessage(message);
    const bytes = framed(payload);
    expect(documented(name).toString('hex')).toBe(bytes.toString('hex'));
  },
);

test('the code parses the bytes in docs/protocol.md as the document says', () => {
  const request = decoded('hello-request');
  if (request.type !== 'request') throw new Error('not a request');
  expect(parseHelloParams(request.params)).toEqual(hello);
  const response = decoded('hello-response');
  if (response.type !== 'response') throw new Error('not a response');
  expect(parseHelloAnswer(response.result)).toEqual(answer);
  const asked = decoded('run-request');
  if (asked.type !== 'request') throw new Error('not a request');
  expect(asked.params.deadlineMs).toBe(200);
  expect(parseRunRequest(asked.params, new Map([[offer.identity, offer]]), defaultLimits)).toEqual(run);
  const answered = decoded('run-response');
  if (answered.type !== 'response') throw new Error('not a response');
  expect(parseRunAnswer(answered.result, 3, 2)).toEqual(ran);
  expect(decoded('run-error')).toMatchObject({ error: { code: 'not_held', message: notHeld.message } });
});

test('the table of errors in docs/protocol.md has every code, and says which ones may be retried', () => {
  const [, table = ''] = /### Errors\n([\s\S]*?)\n### /.exec(doc) ?? [];
  const rows = [...table.matchAll(/^\| `(\w+)` +\| (yes|no) /gm)].map(([, code, again]) => [code, again]);
  const codes = rpcErrorCodes.map((code) => [code, new RpcError(code, '').retryable ? 'yes' : 'no']);
  expect(rows).toEqual(codes);
});

function documented(name: string): Buffer {
  const block = new RegExp(`\`\`\`hex ${name}\n([^\`]*)\`\`\``).exec(doc)?.[1];
  if (block === undefined) throw new Error(`docs/protocol.md has no block ${name}`);
  return Buffer.from(block.replace(/\s/g, ''), 'hex');
}

function decoded(name: string): Message {
  const [payload] = new FrameSplitter().push(documented(name));
  if (payload === undefined) throw new Error(`${name} is no whole frame`);
  return decodeMessage(payload);
}
