// The time that counts as the API's own work, measured with a manual clock and through HTTP.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { dataEvents, eventStream } from '../../../../gateway/api/answers/sse.ts';
import { GenerationWatch, OverheadClock } from '../../../../gateway/api/telemetry/overhead.ts';
import type { GenerationPart } from '../../../../gateway/engine/messages.ts';
import { JSON_TYPE, MODEL, openRoom, until } from '../harness.ts';

/** A clock whose time passes only when the test calls `pass`. */
function clockByHand() {
  let now = 0;
  const clock = new OverheadClock(() => now);
  const pass = (ms: number) => {
    now += ms;
  };
  return { clock, pass, elapsedMs: () => now };
}

test('the clock runs before the engine is asked, while the API processes a part of the answer, and after the end', () => {
  const { clock, pass } = clockByHand();
  pass(1);
  clock.generationBegins();
  clock.engineIsAsked();
  pass(100);
  expect(clock.ms).toBe(1);
  clock.engineAnswers();
  pass(2);
  clock.engineIsAsked();
  pass(100);
  clock.engineAnswers();
  clock.generationEnds();
  pass(4);
  expect(clock.ms).toBe(7);
});

test('with several generations, the clock stops only while all of them wait', () => {
  const { clock, pass } = clockByHand();
  for (let i = 0; i < 2; i++) {
    clock.generationBegins();
    clock.engineIsAsked();
  }
  pass(100);
  clock.engineAnswers();
  pass(1);
  clock.engineAnswers();
  pass(2);
  clock.engineIsAsked();
  pass(4);
  clock.generationEnds();
  pass(100);
  expect(clock.ms).toBe(7);
});

test('the clock runs in the turn of the event loop that hands a part to the reader, and stops while the reader uses the part', async () => {
  const { clock, pass } = clockByHand();
  clock.readerIsGiven();
  pass(1);
  clock.readerAsks();
  clock.readerIsGiven();
  pass(2);
  await delay(5);
  pass(100);
  clock.readerAsks();
  pass(4);
  expect(clock.ms).toBe(7);
});

test('GenerationWatch notes the times of a generation whose reader stops early', async () => {
  const { clock, pass, elapsedMs } = clockByHand();
  const began = { queuedMs: 3, prefillMs: 4 };
  let closed = 0;
  async function* parts(): AsyncGenerator<GenerationPart> {
    try {
      for (let id = 0; ; id++) {
        pass(50);
        yield { type: 'token', id, ...(id === 0 && { began }) };
      }
    } finally {
      closed++;
    }
  }
  pass(1);
  const watch = new GenerationWatch(0, { clock, elapsedMs });
  const ids: number[] = [];
  for await (const part of watch.follow(parts())) {
    if (part.type === 'token') ids.push(part.id);
    pass(2);
    if (ids.length === 3) break;
  }
  pass(4);
  expect({ ids, closed, ms: clock.ms }).toEqual({ ids: [0, 1, 2], closed: 1, ms: 11 });
  expect(watch).toMatchObject({ index: 0, askedAtMs: 1, began, endedAtMs: 157 });
});

test('GenerationWatch ends if the engine throws', async () => {
  const { clock, pass, elapsedMs } = clockByHand();
  const failing: AsyncIterable<GenerationPart> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('lost')) }),
  };
  const watch = new GenerationWatch(0, { clock, elapsedMs });
  const reading = async () => {
    for await (const _ of watch.follow(failing));
  };
  await expect(reading()).rejects.toThrow('lost');
  pass(8);
  expect(clock.ms).toBe(8);
});

test('the time of a slow reader does not count', async () => {
  async function* values() {
    for (let i = 0; i < 3; i++) yield i;
  }
  const { clock, pass } = clockByHand();
  const ended = Promise.withResolvers<number>();
  const stream = eventStream(values(), {
    format: dataEvents,
    write: JSON.stringify,
    onCut: () => () => {},
    stallMs: 60_000,
    keepAliveMs: 60_000,
    onEnd: () => ended.resolve(clock.ms),
    clock,
  });
  for await (const _ of stream) {
    await delay(5); // Ends the turn that hands the data to the reader. The clock runs until then.
    pass(100);
  }
  expect(await ended.promise).toBe(0);
});

/** Sum and count of the histogram. */
async function overheadOf(url: string): Promise<{ sum: number; count: number }> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const value = (part: string) =>
    Number(new RegExp(`^expertgrid_api_overhead_seconds_${part}\\{.*\\} (\\S+)$`, 'm').exec(page)?.[1] ?? 0);
  return { sum: value('sum'), count: value('count') };
}

test('expertgrid_api_overhead_seconds excludes the time of the engine and requests without a generation', async () => {
  const { url, post, logs } = await openRoom({ stepMs: 40, once: true });
  await post('/v1/completions', { model: MODEL, prompt: 'a', temperature: 9 });
  await fetch(`${url}/v1/models`);
  expect(await overheadOf(url)).toEqual({ sum: 0, count: 0 });
  await post('/v1/completions', { model: MODEL, prompt: 'a', n: 2 });
  const body = JSON.stringify({ model: MODEL, prompt: 'a', stream: true });
  await (await fetch(`${url}/v1/completions`, { method: 'POST', headers: JSON_TYPE, body })).text();
  await until(() => logs.filter(({ apiMs }) => apiMs !== undefined).length === 2);
  const { sum, count } = await overheadOf(url);
  expect(count).toBe(2);
  expect(sum).toBeGreaterThan(0);
  const taken = logs.reduce((total, { apiMs }) => total + Number(apiMs ?? 0), 0);
  expect(1000 * sum).toBeCloseTo(taken, 0);
  for (const { durationMs, apiMs } of logs.filter((line) => line.apiMs !== undefined)) {
    // The engine takes 40 ms for each of the two tokens and for the end.
    expect(Number(durationMs) - Number(apiMs)).toBeGreaterThan(110);
  }
});
