// Records that were changed, made up, or belong to another stream are refused, and say what is wrong.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { StreamRecord } from '../../../../resume/record.ts';
import { type NanoGateway, startNanoGateway } from '../../../support/resume/room.ts';
import {
  type Block,
  blocksOf,
  recordOf,
  type SignedOptions,
  signedRequest,
} from '../../../support/resume/signed.ts';

const path = '/v1/completions';
const body = {
  model: 'nano',
  prompt: 'Once upon a time',
  max_tokens: 12,
  n: 2,
  temperature: 1,
  seed: 5,
  stream: true,
};

let gateway: NanoGateway;
let undisturbed: Block[];
let record: StreamRecord;

beforeAll(async () => {
  gateway = await startNanoGateway();
  undisturbed = blocksOf((await send({})).text);
  const found = recordOf(undisturbed.slice(0, 10));
  if (found === undefined) throw new Error('the stream has no record');
  record = found;
});
afterAll(() => gateway.close());

async function send(
  given: Partial<SignedOptions>,
): Promise<{ status: number; text: string; error: Refusal }> {
  const response = await gateway.app.fetch(signedRequest({ path, body, ...given }));
  const text = await response.text();
  const error = response.status === 200 ? {} : (JSON.parse(text) as { error: Refusal }).error;
  return { status: response.status, text, error };
}

interface Refusal {
  code?: string;
  param?: string | null;
  message?: string;
}

test('a record continues its own stream', async () => {
  const { status, text } = await send({ record });
  expect(status).toBe(200);
  expect(blocksOf(text)).toHaveLength(undisturbed.length - 10);
});

test('a stream continues although its body exceeds the limit together with the record', async () => {
  const limits = { bodyBytes: Buffer.byteLength(JSON.stringify(body)) };
  const small = await startNanoGateway({}, { limits });
  onTestFinished(() => small.close());
  const request = signedRequest({ path, body, record });
  const { byteLength: length } = await request.clone().arrayBuffer();
  expect(length).toBeGreaterThan(limits.bodyBytes);
  request.headers.set('content-length', String(length));
  const response = await small.app.fetch(request);
  expect([response.status, blocksOf(await response.text()).length]).toEqual([200, undisturbed.length - 10]);
});

const choice = () => structuredClone(record.choices[0]) ?? { events: 0 };

const forged: [string, () => StreamRecord][] = [
  ['more events', () => changed({ ...choice(), events: 1 })],
  ['fewer bytes', () => changed({ ...choice(), bytes: 0 })],
  ['another id', () => changed({ ...choice(), ids: `${record.choices[0]?.ids},7` })],
  ['replaced experts', () => changed({ ...choice(), hops: 'standby:1' })],
  ['a choice too few', () => ({ ...record, choices: { 0: record.choices[0] ?? noChoice() } })],
  ['a changed head', () => ({ ...record, head: record.head.replace('"seed":5', '"seed":6') })],
  ['the seal of another record', () => ({ ...record, seal: recordOf(undisturbed.slice(0, 4))?.seal ?? '' })],
];

function noChoice(): never {
  throw new Error('the record has no choice 0');
}

function changed(first: object): StreamRecord {
  return { ...record, choices: { ...record.choices, 0: first as StreamRecord['choices'][string] } };
}

test.each(forged)('a record with %s is refused', async (_, made) => {
  const { status, error } = await send({ record: made() });
  expect([status, error.code, error.param]).toEqual([403, 'invalid_seal', 'record.seal']);
});

test('a record of another request or another tenant is refused', async () => {
  const otherBody = await send({ record, body: { ...body, prompt: 'Once upon a time.' } });
  expect([otherBody.status, otherBody.error.code]).toEqual([400, 'foreign_record']);
  const otherTenant = await send({ record, claims: { tenant: 'bob' } });
  expect([otherTenant.status, otherTenant.error.code]).toEqual([400, 'foreign_record']);
});

test.each<[string, unknown]>([
  ['record.head', { ...recordLike(), head: 7 }],
  ['record.seal', { head: '{}', choices: {} }],
  ['record.choices.x', { ...recordLike(), choices: { x: {} } }],
  ['record.choices.0.events', { ...recordLike(), choices: { 0: { ...progressLike(), events: -1 } } }],
  ['record.choices.0.ids', { ...recordLike(), choices: { 0: { ...progressLike(), ids: '1,,2' } } }],
  ['record.choices.0.hops', { ...recordLike(), choices: { 0: { ...progressLike(), hops: 'guess:1' } } }],
  ['record', { ...recordLike(), extra: 1 }],
])('the error of a malformed record names %s', async (param, malformed) => {
  const { status, error } = await send({ record: malformed as StreamRecord });
  expect([status, error.code, error.param]).toEqual([400, 'invalid_value', param]);
});

function progressLike() {
  return { events: 0, bytes: 0, calls: 0, entries: 0, hops: '-', ids: '' };
}
function recordLike() {
  return { head: '{}', choices: {}, seal: 'x' };
}

test('any bytes in place of a record give an error and no text', { timeout: 120_000 }, async () => {
  const pieces = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ head: fc.string(), choices: fc.dictionary(fc.string(), fc.anything()), seal: fc.string() })
      .map((value) => JSON.stringify(value)),
    fc.nat({ max: 400 }).map((at) => JSON.stringify(record).slice(0, at)),
    fc.tuple(fc.nat({ max: 600 }), fc.string({ minLength: 1, maxLength: 1 })).map(([at, unit]) => {
      const text = JSON.stringify(record);
      return text.slice(0, at % text.length) + unit + text.slice((at % text.length) + 1);
    }),
  );
  await fc.assert(
    fc.asyncProperty(pieces, async (text) => {
      fc.pre(text !== '' && text !== JSON.stringify(record));
      const { status, error, text: answer } = await send({ recordText: text.toWellFormed() });
      // A change of white space or of an escape leaves the record as it was.
      if (status === 200) return expect(JSON.parse(text)).toEqual(record);
      expect([400, 403]).toContain(status);
      expect(error.param).toMatch(/^record/);
      expect(answer).not.toContain('data:');
    }),
    { numRuns: 300 },
  );
});
