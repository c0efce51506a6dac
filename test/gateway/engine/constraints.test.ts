// Constraints in the engine: with drafts, with too little memory, and without ids that end an answer.
import { expect, onTestFinished, test } from 'vitest';
import type { Constraint } from '../../../gateway/constraints/masks/constraint.ts';
import { Constraints } from '../../../gateway/constraints/masks/constraints.ts';
import { vocabularyData } from '../../../gateway/constraints/vocabulary.ts';
import type { GenerationRequest } from '../../../gateway/engine/messages.ts';
import {
  type CountingEngineOptions,
  collect,
  countingRequest,
  startCountingEngine,
  until,
  vocab,
} from '../../support/engines/counting-engine.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-+[]{}",: ';
const END = vocab - 1;
const vocabulary = vocabularyData(vocab, (id) => Buffer.from(letters[id] ?? ''));
const textOf = (ids: readonly number[]) => ids.map((id) => letters[id]).join('');
const words = { type: 'regex', pattern: '([a-c]{3}-[0-9]{2}\\+){8}' } as const;

async function start(options: CountingEngineOptions = {}) {
  const counting = await startCountingEngine({ constraints: new Constraints(vocabulary), ...options });
  onTestFinished(counting.close);
  const run = async (request: Partial<GenerationRequest>) => {
    const asked = countingRequest({ stopIds: [END], maxTokens: 90, ...request });
    const { ids, last } = await collect(counting.engine.generate(asked, new AbortController().signal));
    return { ids, last, text: textOf(ids) };
  };
  return { ...counting, run };
}

const warm = (choice: number) => ({ ...countingRequest().sampling, temperature: 1.5, choice });

test('an answer ends when it is complete, even without stop ids and before min_tokens', async () => {
  const { run } = await start();
  for (const stopIds of [[END], []]) {
    const { text, last } = await run({ constraint: words, stopIds, minTokens: 80, sampling: warm(0) });
    expect(text).toMatch(/^([a-c]{3}-[0-9]{2}\+){8}$/);
    expect(last).toMatchObject({ type: 'finish', reason: 'stop', completionTokens: 56 });
    expect(last).not.toHaveProperty('stopId');
  }
});

test('an answer that is incomplete after max_tokens ends with length, and a complete one with stop', async () => {
  const { run } = await start();
  expect((await run({ constraint: words, maxTokens: 55 })).last).toMatchObject({ reason: 'length' });
  expect((await run({ constraint: words, maxTokens: 56 })).last).toMatchObject({ reason: 'stop' });
});

test('a stop id is sampled only if the answer may end there and has min_tokens', async () => {
  const { run } = await start({ next: () => END });
  const asked = { constraint: { type: 'regex', pattern: 'abc[a-z]{0,60}' } } as const;
  const early = await run(asked);
  expect(early).toMatchObject({ text: 'abc', last: { reason: 'stop', stopId: END, completionTokens: 4 } });
  expect((await run({ ...asked, minTokens: 20 })).ids).toHaveLength(20);
});

test('drafts do not change a constrained answer', async () => {
  const plain = await start({ speculate: false });
  const drafting = await start({ draftPrice: 0.3 });
  const json = {
    type: 'json_schema',
    schema: '{"items":{"enum":["abc","abd"]},"minItems":9,"maxItems":9}',
  } as const;
  for (const constraint of [words, json]) {
    for (const sampling of [countingRequest().sampling, warm(1), warm(2)]) {
      const { ids, last } = await plain.run({ constraint, sampling });
      expect(await drafting.run({ constraint, sampling })).toMatchObject({ ids, last });
    }
  }
  expect((await drafting.engine.status()).counters.kept_guesses).toBeGreaterThan(0);
});

test('a preempted answer continues as if it had not been preempted', async () => {
  const answers = async (options: CountingEngineOptions) => {
    const { run, engine, dense } = await start(options);
    const all = Array.from({ length: 8 }, (_, choice) =>
      run({ constraint: words, sampling: warm(choice), maxTokens: 60 }),
    );
    const texts = (await Promise.all(all)).map(({ text }) => text);
    await until(() => dense.sequences.size === 0);
    return { texts, preempted: (await engine.status()).counters.preempted_sequences };
  };
  const roomy = await answers({});
  const tight = await answers({ kvMemory: 128 });
  expect(tight.preempted).toBeGreaterThan(0);
  expect(tight.texts).toEqual(roomy.texts);
  expect(new Set(roomy.texts).size).toBe(8);
});

test("log-probabilities are those of the model's own distribution, without the constraint", async () => {
  const { engine } = await start();
  const asked = countingRequest({ constraint: words, logprobs: 1, maxTokens: 10 });
  const parts = [];
  for await (const part of engine.generate(asked, new AbortController().signal)) {
    if (part.type === 'token') parts.push(part);
  }
  expect(parts).toHaveLength(10);
  for (const { id, logprob = 0, top = [] } of parts) {
    expect(Number.isFinite(logprob)).toBe(true);
    if (top[0]?.id !== id) expect(logprob).toBeLessThan(top[0]?.logprob ?? 0);
  }
  expect(parts.some(({ id, top = [] }) => top[0]?.id !== id)).toBe(true);
});

test('a request fails if its constraint is refused or too ambiguous, and the engine continues', async () => {
  const { run, engine } = await start({ next: () => 0 });
  const refused = await run({ constraint: { type: 'grammar', grammar: 'root ::= root' } });
  expect(refused.last).toMatchObject({ type: 'error', error: { code: 'invalid_request', retryable: false } });
  expect((await engine.status()).counters.steps).toBe(0);
  const grammar = 'root ::= s\ns ::= [a-z] s? s? s? "."?';
  const failed = await run({ constraint: { type: 'grammar', grammar } });
  expect(failed.last).toMatchObject({ type: 'error', error: { code: 'invalid_request' } });
  expect((await run({ constraint: { type: 'choice', choices: ['x'] } })).text).toBe('x');
});

test('a constraint may take several steps to find the allowed ids, while other sequences get rows', async () => {
  const asked = { slow: 0, spans: 0 };
  // `prepare` must be called twenty times for each token.
  class Slow extends Constraints {
    override open(): Constraint {
      let pieces = 0;
      return {
        finished: false,
        get ready() {
          return pieces === 20;
        },
        prepare: (isOver) => {
          asked.slow++;
          pieces++;
          while (!isOver());
          return pieces === 20;
        },
        allow: () => {},
        advance: () => {
          pieces = 0;
        },
        close: () => {
          asked.spans = asked.slow;
        },
      };
    }
  }
  const { run, engine } = await start({ constraints: new Slow(vocabulary) });
  const slow = run({ constraint: words, tenant: 'slow', maxTokens: 3 });
  const quick = await run({ tenant: 'quick', maxTokens: 40 });
  expect(quick.last).toMatchObject({ type: 'finish', completionTokens: 40 });
  const slowWhenQuickEnded = asked.slow;
  expect((await slow).last).toMatchObject({ type: 'finish', completionTokens: 3 });
  expect(slowWhenQuickEnded).toBeLessThan(60);
  await expect.poll(() => asked).toEqual({ slow: 60, spans: 60 });
  expect((await engine.status()).running).toBe(0);
});

test('an engine without a vocabulary refuses constraints with the reason', async () => {
  const { run } = await start({ constraints: new Constraints() });
  const { last } = await run({ constraint: words });
  expect(last).toMatchObject({ type: 'error', error: { message: expect.stringContaining('no vocabulary') } });
});
