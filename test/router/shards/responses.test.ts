import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CallKind, Responses } from '../../../router/shards/responses.ts';

const kinds: CallKind[] = ['decode', 'bulk', 'golden'];

/** A call of `kind` that missed its deadline. */
function timeOut(responses: Responses, kind: CallKind, sentAt: number, ms = 10_000): string | undefined {
  return responses.unanswered({ kind, code: 'deadline', sentAt, now: sentAt + ms });
}

describe('a shard is unresponsive', () => {
  test.each(kinds)(
    'after one timeout of %s if no call of that kind is answered, even if calls of other kinds are',
    (kind) => {
      const responses = new Responses();
      for (const other of kinds) responses.answered(other, other === kind ? 99 : 5_000);
      expect(timeOut(responses, kind, 100)).toMatch(/^no .* were answered for 10 s$/);
    },
  );

  test('after calls with short deadlines, only if the first was sent at least the silent time ago', () => {
    const responses = new Responses();
    expect(timeOut(responses, 'decode', 0, 500)).toBeUndefined();
    expect(timeOut(responses, 'decode', 1_000, 500)).toBeUndefined();
    expect(timeOut(responses, 'decode', 7_600, 500)).toBe(
      'no calls of generated rows were answered for 8.1 s',
    );
  });

  test('while a call still waits, if no call of its kind was answered for eight seconds', () => {
    const responses = new Responses();
    const ended = responses.begin('decode', 0);
    responses.begin('bulk', 6_000);
    responses.answered('decode', 3_000);
    responses.answered('bulk', 10_900);
    expect(responses.overdue(10_900)).toBeUndefined();
    expect(responses.overdue(11_000)).toBe('no calls of generated rows were answered for 8 s');
    ended();
    expect(responses.overdue(11_000)).toBeUndefined();
    expect(responses.overdue(18_900)).toBe('no calls of prompt rows were answered for 8 s');
  });

  test('but not because of calls that were sent before it was connected again', () => {
    const responses = new Responses();
    responses.begin('decode', 0);
    responses.reset(20_000);
    expect(responses.overdue(30_000)).toBeUndefined();
    expect(timeOut(responses, 'decode', 0, 30_000)).toBeUndefined();
    expect(timeOut(responses, 'decode', 20_001)).toMatch('no calls of generated rows');
  });

  test('if more than a few calls time out while others are answered', () => {
    const responses = new Responses();
    const verdicts = Array.from({ length: 8 }, (_, i) => {
      for (let j = 0; j < 4; j++) responses.answered('bulk', i * 10_000 + 5_000);
      return timeOut(responses, 'bulk', i * 10_000);
    });
    expect(verdicts.findIndex((verdict) => verdict !== undefined)).toBe(3);
    expect(verdicts[3]).toBe('too many calls of prompt rows time out');
  });

  test('if every call is refused for half a minute', () => {
    const responses = new Responses();
    const refuse = (now: number) =>
      responses.unanswered({ kind: 'decode', code: 'busy', sentAt: now - 1, now });
    expect([0, 8, 16, 24].map((at) => refuse(at * 1_000))).toEqual(Array(4).fill(undefined));
    expect(refuse(32_000)).toBe('all calls of generated rows were refused for 32 s, the last with busy');
  });
});

test('a shard that answers stays available, even if other shards answer first or it refuses a call now and then', () => {
  const event = fc.record({ busy: fc.boolean(), beaten: fc.boolean(), ms: fc.nat(900) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const responses = new Responses();
      let now = 0;
      for (const { busy, beaten, ms } of events) {
        now += ms + 1;
        if (beaten) responses.startProbe('decode');
        if (busy)
          expect(
            responses.unanswered({ kind: 'decode', code: 'busy', sentAt: now - 1, now }),
          ).toBeUndefined();
        responses.answered('decode', now);
      }
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('lost connections and cancelled calls do not count as unanswered', () => {
  const responses = new Responses();
  for (const code of ['unavailable', 'cancelled', 'draining', 'internal'] as const) {
    for (let at = 0; at < 60_000; at += 1_000) {
      expect(responses.unanswered({ kind: 'decode', code, sentAt: at, now: at + 900 })).toBeUndefined();
    }
  }
});

test('the second call in a row that another shard answers first runs on as a probe, if there is no other probe', () => {
  const responses = new Responses();
  expect([1, 2, 3].map(() => responses.startProbe('decode'))).toEqual([false, true, false]);
  responses.endProbe('decode');
  expect(responses.startProbe('decode')).toBe(true);
  responses.endProbe('decode');
  responses.answered('decode', 1);
  expect([1, 2].map(() => responses.startProbe('decode'))).toEqual([false, true]);
});
