// One server with several models, and aliases for versions of them.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Aliases } from '../../../../gateway/api/endpoints/aliases.ts';
import { MODEL, openRoom, type Room, say } from '../harness.ts';

const OTHER = 'fake-moe-v2';
const missing = [{ layer: 3, experts: '0-23' }];
let aliases: Aliases;
let room: Room;

beforeEach(async () => {
  aliases = new Map([['chat', new Map([[MODEL, 1]])]]);
  room = await openRoom({
    once: true,
    others: { [OTHER]: { once: true, reply: () => say('good morning'), context: 60 } },
    aliases: () => aliases,
  });
});

function move(weights: Record<string, number>): void {
  aliases = new Map([['chat', new Map(Object.entries(weights))]]);
}

async function ask(fields: Record<string, unknown>) {
  const { status, body } = await room.post('/v1/completions', { prompt: 'x', ...fields });
  return { status, model: body.model, text: body.choices?.[0]?.text, error: body.error };
}

const other = () => room.engines.get(OTHER)!;

/** The fields of answers that the tests below check. */
interface Told {
  counts: number[][];
  ready: boolean;
  error: { code: string };
}

async function get(path: string): Promise<{ status: number; body: Told }> {
  const response = await fetch(room.url + path);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe('two models', () => {
  test('each model answers requests with its id, in both endpoints and in a stream', async () => {
    expect(await ask({ model: MODEL })).toMatchObject({ model: MODEL, text: 'hello world' });
    expect(await ask({ model: OTHER })).toMatchObject({ model: OTHER, text: 'good morning' });
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const stream = await room.client.chat.completions.create({ model: OTHER, messages, stream: true });
    let text = '';
    for await (const chunk of stream) {
      expect(chunk.model).toBe(OTHER);
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe('good morning');
  });

  test('each model has its own limits', async () => {
    const long = { prompt: 'word '.repeat(80) };
    expect((await ask({ model: MODEL, ...long })).status).toBe(200);
    expect(await ask({ model: OTHER, ...long })).toMatchObject({
      status: 400,
      error: { code: 'context_length_exceeded' },
    });
  });

  test('an unknown model is a 404 whose message lists the served models', async () => {
    const { status, error } = await ask({ model: 'gpt-4' });
    expect([status, error.code]).toEqual([404, 'model_not_found']);
    expect(error.message).toContain(`Served here: ${MODEL}, ${OTHER}, chat.`);
  });

  test('GET /v1/models lists the models and then the aliases', async () => {
    move({ [MODEL]: 90, [OTHER]: 10 });
    const { data } = await room.client.models.list();
    expect(data.map(({ id }) => id)).toEqual([MODEL, OTHER, 'chat']);
    expect(await room.client.models.retrieve('chat')).toEqual({
      id: 'chat',
      object: 'model',
      created: 1_700_000_001,
      owned_by: 'expertgrid',
      root: 'chat',
      parent: null,
      max_model_len: 60,
      context_length: 60,
      expertgrid: { versions: { [MODEL]: 90, [OTHER]: 10 } },
    });
  });

  test('/health/ready is 200 only if both are ready, lists missing experts by model, and accepts ?model=', async () => {
    const all = await get('/health/ready');
    expect(all).toEqual({
      status: 200,
      body: {
        status: 'ready',
        models: { [MODEL]: { status: 'ready' }, [OTHER]: { status: 'ready' } },
        missing: [],
      },
    });
    other().options = { ...other().options, status: { ready: false, missing } };
    expect(await get('/health/ready')).toEqual({
      status: 503,
      body: {
        status: 'not_ready',
        models: { [MODEL]: { status: 'ready' }, [OTHER]: { status: 'not_ready' } },
        missing: [{ model: OTHER, ...missing[0] }],
      },
    });
    expect((await get(`/health/ready?model=${MODEL}`)).status).toBe(200);
    expect(await get(`/health/ready?model=${OTHER}`)).toEqual({
      status: 503,
      body: { status: 'not_ready', missing },
    });
  });

  test('/v1/shards and /v1/experts/heat are about the first model, or about the one in ?model=', async () => {
    const heat = { layers: 1, experts: 3, halfLifeSeconds: 60, steps: [] };
    const rows = (...counts: number[]) => ({
      counts: Float64Array.from(counts),
      totals: Float64Array.from(counts),
    });
    other().options = { ...other().options, status: { ready: false }, heat: { ...heat, ...rows(1, 2, 3) } };
    expect((await get('/v1/experts/heat')).body.counts).toEqual([[0, 0]]);
    expect((await get(`/v1/experts/heat?model=${OTHER}`)).body.counts).toEqual([[1, 2, 3]]);
    expect((await get('/v1/shards')).body.ready).toBe(true);
    expect((await get(`/v1/shards?model=${OTHER}`)).body.ready).toBe(false);
    for (const id of ['chat', 'nobody']) {
      const { status, body } = await get(`/v1/shards?model=${id}`);
      expect([status, body.error.code]).toEqual([404, 'model_not_found']);
    }
  });

  test('/metrics has sums over the engines, and metrics with the label "model"', async () => {
    const heat = { layers: 1, experts: 2, halfLifeSeconds: 60, steps: [] };
    const rows = { counts: Float64Array.of(1, 3), totals: Float64Array.of(1, 3) };
    for (const engine of room.engines.values()) {
      engine.options = {
        ...engine.options,
        status: { waiting: 2, kvBytesLimit: 100 },
        heat: { ...heat, ...rows },
      };
    }
    other().options = { ...other().options, status: { ready: false, waiting: 3, kvBytesLimit: 100 } };
    await ask({ model: OTHER });
    await ask({ model: MODEL, max_tokens: 1 });
    const page = await (await fetch(`${room.url}/metrics`)).text();
    const samples = page.split('\n');
    for (const sample of [
      'expertgrid_sequences_waiting 5',
      'expertgrid_kv_limit_bytes 200',
      'expertgrid_ready 0',
      `expertgrid_model_ready{model="${MODEL}"} 1`,
      `expertgrid_model_ready{model="${OTHER}"} 0`,
      `expertgrid_model_requests_total{model="${OTHER}",status="200"} 1`,
      `expertgrid_engine_steps_total ${other().produced + 1}`,
      `expertgrid_expert_rows_total{model="${MODEL}",layer="0",expert="1"} 3`,
      `expertgrid_expert_rows_total{model="${OTHER}",layer="0",expert="1"} 3`,
    ]) {
      expect(samples).toContain(sample);
    }
    expect(samples.filter((line) => line.startsWith('# TYPE expertgrid_expert_rows_total'))).toHaveLength(1);
  });
});

describe('an alias', () => {
  test('is answered by one version, which the answer and the log name', async () => {
    move({ [OTHER]: 1 });
    expect(await ask({ model: 'chat' })).toMatchObject({ model: OTHER, text: 'good morning' });
    expect(room.logs.at(-1)).toMatchObject({ model: OTHER, status: 200 });
  });

  test('gives a user, or else a prompt cache key, always the same version', async () => {
    move({ [MODEL]: 50, [OTHER]: 50 });
    const drawn = new Set<string>();
    for (let who = 0; who < 12; who++) {
      for (const field of ['user', 'prompt_cache_key']) {
        const first = (await ask({ model: 'chat', [field]: `who-${who}` })).model;
        const again = await ask({ model: 'chat', [field]: `who-${who}`, prompt: 'another', seed: who });
        expect(again.model).toBe(first);
        drawn.add(first);
      }
      const both = await ask({ model: 'chat', user: `who-${who}`, prompt_cache_key: 'any' });
      expect(both.model).toBe((await ask({ model: 'chat', user: `who-${who}` })).model);
    }
    expect(drawn).toEqual(new Set([MODEL, OTHER]));
  });

  test('chooses a version for each request without a user', async () => {
    move({ [MODEL]: 50, [OTHER]: 50 });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask({ model: 'chat' })));
    expect(new Set(answers.map(({ model }) => model))).toEqual(new Set([MODEL, OTHER]));
  });

  test('does not affect running requests if it changes', async () => {
    for (const engine of room.engines.values()) engine.options = { ...engine.options, stepMs: 20 };
    const stream = await room.client.completions.create({ model: 'chat', prompt: 'x', stream: true });
    let text = '';
    const models = new Set<string>();
    for await (const chunk of stream) {
      move({ [OTHER]: 1 });
      models.add(chunk.model);
      text += chunk.choices[0]?.text ?? '';
    }
    expect([text, [...models]]).toEqual(['hello world', [MODEL]]);
    expect((await ask({ model: 'chat' })).text).toBe('good morning');
    move({ [MODEL]: 1 });
    expect((await ask({ model: 'chat' })).text).toBe('hello world');
  });
});
