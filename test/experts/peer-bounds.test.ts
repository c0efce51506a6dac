// Tests that parsers of peers' messages either refuse a message or return bounded numbers and texts that are safe in a log.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPrintable } from '../../base/text.ts';
import { parseDrainAnswer, parsePlacedReport, parsePlaceStatus } from '../../experts/admin.ts';
import { parseFilePiece } from '../../experts/bundle-files.ts';
import { defaultLimits } from '../../experts/wire/bounds.ts';
import {
  helloAnswerToValue,
  parseHelloAnswer,
  parseHelloParams,
  parseMemory,
} from '../../experts/wire/hello.ts';
import { parseLeaveView, parseMayLeave } from '../../experts/wire/leave.ts';
import { parseHoldingRanges } from '../../experts/wire/model.ts';
import { parseAdoption } from '../../experts/wire/placement.ts';
import { parseRunAnswer, parseRunRequest } from '../../experts/wire/run.ts';
import { RpcError } from '../../rpc/errors.ts';
import { isMap, parseError, parseMessage } from '../../rpc/messages.ts';
import type { Params, Value } from '../../rpc/transport.ts';

const shape = { identity: 'm', layers: 2, experts: 4, hidden: 2 };
const models = new Map([[shape.identity, shape]]);
const offer = {
  ...shape,
  content: 'c',
  bits: 4,
  group: 32,
  numericsClass: 'n',
  holdings: [[0, 0, 1] as const],
  standby: true,
  placement: '{}',
};
const greeting = helloAnswerToValue({
  protocol: 1,
  version: '1',
  instance: 'i',
  state: 'available',
  models: [offer],
  limits: defaultLimits,
  epoch: 0,
  name: 'a',
  residentBytes: 1,
});
const report = { model: 'm', epoch: 1, holdings: '0-3', missing: 0, surplus: 0 };
const rows = new Uint8Array(8);

/** Each parser, with a valid message for it. */
const parsers: [name: string, honest: Value, parse: (value: Value) => unknown][] = [
  ['hello', { protocol: 1, role: 'gateway', version: '1', features: ['leave'] }, of(parseHelloParams)],
  ['the answer to hello', greeting, parseHelloAnswer],
  ['holdings', { holdings: [[0, 0, 3]] }, of((params) => parseHoldingRanges(params, shape))],
  ['memory', { residentBytes: 5 }, of(parseMemory)],
  ['may_leave', { ask: 1 }, of(parseMayLeave)],
  [
    'shard.leave',
    { ask: 1, model: 'm', alone: [[1, 2, 3]], contested: true },
    of((params) => parseLeaveView(params, models)),
  ],
  ['shard.adopted', { model: 'm', epoch: 3 }, of(parseAdoption)],
  ['the answer to expert.run', { rows, runMs: 1, queueMs: 2 }, (value) => parseRunAnswer(value, 1, 2)],
  [
    'expert.run',
    { model: 'm', layer: 1, priority: 0, epoch: 0, dtype: 'f32', rows, asks: new Uint8Array(4) },
    of((params) => parseRunRequest(params, models, defaultLimits)),
  ],
  ['an error', { code: 'busy', message: 'later', retryable: true, retryAfterMs: 5 }, asError],
  ['a message', [1, 7, null, null], parseMessage],
  ['the answer to shard.drain', { safeToDelete: true, answered: 1, inFlight: 0 }, parseDrainAnswer],
  ['the answer to shard.status', { name: 'a', memoryBytes: 1, models: [report] }, parsePlaceStatus],
  ['the answer to shard.place', report, parsePlacedReport],
  ['the answer to bundle.read', { bytes: rows, size: 8 }, (value) => parseFilePiece(value, 8)],
];

function of(parse: (params: Params) => unknown): (value: Value) => unknown {
  return (value) => parse(isMap(value) ? value : {}); // the transport passes on only maps
}

function asError(value: Value): unknown {
  const { code, message, retryAfterMs } = parseError(value);
  return { code, message, retryAfterMs };
}

const odd = fc.oneof(
  fc.constantFrom<Value>(1e308, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.constantFrom<Value>(
    2 ** 53,
    2 ** 31,
    0,
    null,
    true,
    '',
    'x'.repeat(600),
    '\u001b[2J',
    'a\nb',
    '\u202eabc',
  ),
  fc.constantFrom<Value>(
    [],
    {},
    [[0, 0, 3]],
    Array(70).fill('x'),
    new Uint8Array(3),
    Array(20).fill([0, 0, 3]),
  ),
  fc.integer(),
  fc.double(),
  fc.string(),
);

/** `honest` with values at some places replaced, removed or added, at any depth. */
function spoilt(honest: Value): fc.Arbitrary<Value> {
  return fc.array(fc.tuple(fc.nat(), odd, fc.boolean()), { minLength: 1, maxLength: 3 }).map((changes) => {
    let value = structuredClone(honest);
    for (const [at, replacement, isGone] of changes) {
      const places = placesIn(value);
      const place = places[at % places.length];
      if (place === undefined) value = replacement;
      else if (isGone && !Array.isArray(place.of)) delete place.of[place.key];
      else (place.of as Params)[place.key] = structuredClone(replacement);
    }
    return value;
  });
}

function placesIn(value: Value): { of: Params | Value[]; key: string }[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([key, part]) => [{ of: value, key }, ...placesIn(part)]);
}

/** Expects that every number is finite and every text is printable and short, at any depth. */
function expectTame(value: unknown): void {
  if (typeof value === 'number') expect(Math.abs(value)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  if (typeof value === 'string') {
    expect(isPrintable(value)).toBe(true);
    expect(value.length).toBeLessThanOrEqual(600);
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (value instanceof RpcError) {
    expectTame([value.message, value.retryAfterMs ?? 0]);
    return;
  }
  for (const part of Object.values(value)) expectTame(part);
}

describe.each(parsers)('%s', (_name, honest, parse) => {
  test('is parsed if it is valid', () => {
    expectTame(parse(honest));
  });

  test('is refused with an error that names a field, or is within bounds, if fields are changed at random', () => {
    fc.assert(
      fc.property(spoilt(honest), (value) => {
        try {
          const { result, params, ...taken } = Object(parse(value)); // other parsers check `result` and `params`
          expectTame(taken);
        } catch (error) {
          expect(error).toBeInstanceOf(RpcError);
          expect(['invalid', 'incompatible']).toContain((error as RpcError).code);
          expectTame(error);
        }
      }),
      { seed: 12, numRuns: 150 },
    );
  });
});

test('retryAfterMs of a peer becomes an integer of at most one minute', () => {
  const hint = (retryAfterMs: Value) =>
    parseError({ code: 'busy', message: 'm', retryable: true, retryAfterMs }).retryAfterMs;
  expect([0, 2.5, 60_000, 1e308, null].map(hint)).toEqual([0, 3, 60_000, 60_000, undefined]);
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', {}]) {
    expect(() => hint(wrong)).toThrow('retryAfterMs must be milliseconds');
  }
});

test("the message of a peer's error is shortened and has no control characters", () => {
  const message = `\u001b[2Jgone\n${'x'.repeat(2_000)}`;
  const known = parseError({ code: 'invalid', message, retryable: false });
  const unknown = parseError({ code: `new\u0007${'y'.repeat(200)}`, message, retryable: false });
  expect(known.message).toMatch(/^\ufffd\[2Jgone\ufffdx{500,}…$/);
  expect(known.message).toHaveLength(512);
  expect(unknown.code).toBe('internal');
  expect(unknown.message).toMatch(/^new\ufffdy{59}…: \ufffd\[2Jgone/);
});

test('holdings that name more units than the model has are refused before they are expanded', () => {
  const holdings = Array.from({ length: 9 }, () => [0, 0, 0]);
  expect(() => parseHoldingRanges({ holdings }, shape)).toThrow('holdings has 9 entries; 8 are allowed');
  expect(() => parseHoldingRanges({ holdings: Array(3).fill([1, 0, 3]) }, shape)).toThrow(
    "holdings name more than the model's 8 experts of all layers",
  );
});
