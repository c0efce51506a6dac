// Streams that a gateway cannot continue, streams that move on when their gateway leaves service, and what usage says about both.
import { expect, onTestFinished, test } from 'vitest';
import { ApiError } from '../../../../gateway/api/errors.ts';
import type { ApiOptions } from '../../../../gateway/api/shared.ts';
import { Shutdown } from '../../../../gateway/api/shutdown.ts';
import type { UsageLine } from '../../../../gateway/api/tenants/usage-log.ts';
import type { StreamRecord } from '../../../../resume/record.ts';
import { type NanoGateway, startNanoGateway } from '../../../support/resume/room.ts';
import { sealed } from '../../../support/resume/sealed.ts';
import {
  blocksOf,
  recordOf,
  SECRET,
  type SignedOptions,
  signedRequest,
} from '../../../support/resume/signed.ts';

const path = '/v1/completions';
const body = {
  model: 'nano',
  prompt: 'Once upon a time',
  max_tokens: 30,
  temperature: 1,
  seed: 5,
  stream: true,
  stream_options: { include_usage: true },
};

async function start(api: Partial<ApiOptions> = {}): Promise<NanoGateway> {
  const gateway = await startNanoGateway({}, api);
  onTestFinished(() => gateway.close());
  return gateway;
}

async function send({ app }: NanoGateway, given: Partial<SignedOptions> = {}) {
  const response = await app.fetch(signedRequest({ path, body, ...given }));
  const text = await response.text();
  const code =
    response.status === 200 ? undefined : (JSON.parse(text) as { error: { code: string } }).error.code;
  return { status: response.status, text, code };
}

/** The record of a stream after its first 11 events. */
async function beginning(gateway: NanoGateway): Promise<StreamRecord> {
  const record = recordOf(blocksOf((await send(gateway)).text).slice(0, 11));
  if (record === undefined) throw new Error('the stream has no record');
  return record;
}

function withHead(record: StreamRecord, change: Record<string, unknown>): StreamRecord {
  return sealed({ ...record, head: JSON.stringify({ ...JSON.parse(record.head), ...change }) }, SECRET);
}

test.each([
  ['checkpoint', { identity: 'other' }],
  ['bundle', { content: 'other' }],
  ['numerics class', { numerics: '["other"]' }],
  ['text version', { text_version: 0 }],
  ['model', { model: 'large' }],
])('a gateway with another %s refuses to continue a stream', async (_, change) => {
  const gateway = await start();
  const record = await beginning(gateway);
  expect(await send(gateway, { record: withHead(record, {}) })).toMatchObject({ status: 200 });
  expect(await send(gateway, { record: withHead(record, change) })).toMatchObject({
    status: 409,
    code: 'cannot_continue',
  });
});

test('with other_class, a gateway of another numerics class continues the stream, and the usage says so', async () => {
  const gateway = await start();
  const record = { ...withHead(await beginning(gateway), { numerics: '["other"]' }), other_class: true };
  const { status, text } = await send(gateway, { record });
  expect(status).toBe(200);
  expect(text).toContain('"continued_on_other_class":true');
  const same = await send(gateway, {
    record: { ...withHead(record, { content: 'other' }), other_class: true },
  });
  expect(same).toMatchObject({ status: 409 });
});

test('a stream with replaced experts continues only if the request allows the rung', async () => {
  const gateway = await start();
  const record = await beginning(gateway);
  const choice = record.choices[0];
  if (choice === undefined) throw new Error('the record has no choice');
  const degraded = (head: string) =>
    sealed({ ...record, head, choices: { 0: { ...choice, hops: 'standby:4' } } }, SECRET);
  expect(await send(gateway, { record: degraded(record.head) })).toMatchObject({
    status: 409,
    code: 'cannot_continue',
  });
  const allowing = { ...body, expertgrid: { degrade: 'standby' } };
  const own = recordOf(blocksOf((await send(gateway, { body: allowing })).text).slice(0, 11));
  const { status, text } = await send(gateway, { body: allowing, record: degraded(own?.head ?? '') });
  expect(status).toBe(200);
  expect(text).toContain('"degraded_hops":{"standby":4}');
});

test('a record whose events are not those of its ids is left to another gateway, without any event', async () => {
  const gateway = await start();
  const record = await beginning(gateway);
  const choice = record.choices[0];
  if (choice === undefined) throw new Error('the record has no choice');
  const { text } = await send(gateway, {
    record: sealed({ ...record, choices: { 0: { ...choice, bytes: choice.bytes + 1 } } }, SECRET),
  });
  expect(text).toBe(':m\n\n');
});

test('a record is refused where nothing can be continued', async () => {
  const gateway = await start();
  const record = await beginning(gateway);
  const refused = await send(gateway, { path: '/v1/tokenize', body: { model: 'nano', prompt: 'a' }, record });
  expect(refused).toMatchObject({ status: 400, code: 'unsupported_parameter' });
});

test('a gateway that leaves service ends the streams of trusted callers between two events', async () => {
  const shutdown = new Shutdown();
  const leaving = await start({ shutdown });
  const staying = await start();
  const whole = blocksOf((await send(staying)).text);
  const unsigned = leaving.app.fetch(
    new Request(`http://127.0.0.1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
  const response = await leaving.app.fetch(signedRequest({ path, body }));
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (blocksOf(text).length < 5) text += decoder.decode((await reader?.read())?.value);
  shutdown.refuse();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
    text += decoder.decode(read.value);
  expect(text).toMatch(/\n\n:m\n\n$/);
  const before = blocksOf(text).slice(0, -1);
  const rest = await send(staying, { record: recordOf(before) });
  const events = [...before, ...blocksOf(rest.text)].map(({ event }) => textOf(event)).join('');
  expect(events).toBe(whole.map(({ event }) => textOf(event)).join(''));
  const plain = await (await unsigned).text();
  expect(plain.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(plain).not.toContain(':r ');
});

function textOf(event: string): string {
  const [, json = '[DONE]'] = /^data: (.*)$/m.exec(event) ?? [];
  return json === '[DONE]'
    ? ''
    : ((JSON.parse(json) as { choices: { text: string }[] }).choices[0]?.text ?? '');
}

test('a gateway that fails leaves the streams of trusted callers to another gateway', async () => {
  const shutdown = new Shutdown();
  const { app } = await start({ shutdown });
  const response = await app.fetch(signedRequest({ path, body }));
  const reader = response.body?.getReader();
  await reader?.read();
  shutdown.cut(new ApiError({ status: 500, message: 'The server has failed.', type: 'server_error' }));
  let text = '';
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    text += new TextDecoder().decode(read.value);
  }
  expect(text.endsWith(':m\n\n')).toBe(true);
  expect(text).not.toContain('"error"');
});

test('a stream does not continue with another prompt', async () => {
  const gateway = await start();
  const record = await beginning(gateway);
  const refused = await send(gateway, { record: withHead(record, { prompts: 'other' }) });
  expect(refused).toMatchObject({ status: 409, code: 'cannot_continue' });
});

test('a continued answer counts every token once, in its usage and in the lines of the usage log', async () => {
  const lines: UsageLine[] = [];
  const gateway = await start({ onUsage: (line) => lines.push(line) });
  const record = await beginning(gateway);
  const known = record.choices[0]?.ids.split(',').length ?? 0;
  const { text } = await send(gateway, { record });
  expect(text).toContain('"completion_tokens":30,');
  expect(lines).toMatchObject([
    { generated_tokens: 30 },
    { generated_tokens: 30 - known, known_tokens: known },
  ]);
  expect(lines[0]).not.toHaveProperty('known_tokens');
});
