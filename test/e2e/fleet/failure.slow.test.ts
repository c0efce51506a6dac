// Shards that die, start late or come back, and clients that leave: nothing hangs, and the gateway names missing experts.
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { childrenOf, eventually, freePort, isAlive, type Running, startCli } from '../../support/process.ts';
import {
  complete,
  type Gateway,
  post,
  readiness,
  type StreamEvent,
  scrape,
  startGateway,
  startUp,
  stream,
  total,
} from '../gateway.ts';

const asked = { prompt: 'It was', max_tokens: 16, temperature: 0, expertgrid: { digests: true } };
const everyLayer = (experts: string) => [0, 1, 2].map((layer) => ({ layer, experts }));

/** Reads a long stream, calls `act` at its third event, and returns the last event. */
async function interrupted(gateway: Gateway, act: () => void): Promise<StreamEvent> {
  let seen = 0;
  let last: StreamEvent = { at: 0 };
  for await (const event of stream(gateway, { prompt: 'a', max_tokens: 4_000 })) {
    if (++seen === 3) act();
    last = event;
  }
  return last;
}

describe('a shard of up that is killed', () => {
  it('stalls streams until it is back on its port, and then they continue with the same tokens as without the kill', async () => {
    const up = await startUp(await tinyBundle(), ['--shards', '2']);
    const before = await complete(up, asked);
    const long = { prompt: 'a', max_tokens: 150, seed: 1, expertgrid: { digests: true } };
    const undisturbed = await complete(up, long);
    const shards = childrenOf(up.process.pid);
    const victim = shards.find(({ command }) => command.includes('--experts 48-95'));
    if (victim === undefined) throw new Error('no shard of experts 48-95');

    const text: string[] = [];
    const digests: string[] = [];
    let events = 0;
    for await (const event of stream(up, long)) {
      expect(event.error).toBeUndefined();
      if (++events === 3) {
        process.kill(victim.pid, 'SIGKILL');
        const unready = await eventually(async () => {
          const told = await readiness(up);
          return told.status === 503 && told;
        });
        expect(unready).toEqual({ status: 503, missing: everyLayer('48-95') });
        const refused = await post(up, asked);
        expect(refused.status).toBe(503);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(await refused.json()).toMatchObject({
          error: { code: 'shard_unavailable', message: expect.stringContaining('experts 48-95 of layer 0') },
        });
      }
      text.push(event.choices?.[0]?.text ?? '');
      digests.push(...(event.expertgrid?.digests ?? []));
    }
    expect(text.join('')).toBe(undisturbed.choices[0]?.text);
    expect([digests]).toEqual(undisturbed.expertgrid.digests);

    await eventually(async () => (await readiness(up)).status === 200);
    const after = await complete(up, asked);
    expect({ choices: after.choices, ...after.expertgrid }).toEqual({
      choices: before.choices,
      ...before.expertgrid,
      seed: after.expertgrid.seed,
    });
    const now = childrenOf(up.process.pid);
    expect(now.length).toBe(2);
    expect(now.filter(({ pid }) => shards.some((shard) => shard.pid === pid)).length).toBe(1);

    up.process.signal('SIGTERM');
    expect(await up.process.exit).toEqual({ code: 0, signal: null });
    expect([...shards, ...now].filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});

describe('a gateway over shards that run elsewhere', () => {
  let model: string;
  let gateway: Gateway;
  const places = { first: { port: 0, metrics: '' }, second: { port: 0, metrics: '' } };
  const held = { first: '0-47', second: '48-95' };
  let second: Running;

  async function startShard(name: keyof typeof places): Promise<Running> {
    const shard = startCli([
      'shard',
      '--model',
      model,
      '--experts',
      held[name],
      '--port',
      String(places[name].port),
      '--metrics-port',
      '0',
      '--log-level',
      'warn',
    ]);
    const [, url = ''] = await shard.says(/metrics at (http:\S+)\/metrics/);
    places[name].metrics = url;
    return shard;
  }

  const rows = async (name: keyof typeof places) =>
    total(await scrape(places[name].metrics), 'expertgrid_shard_rows_total');
  /** Waits until the gateway runs nothing and the shard's count of rows no longer changes. */
  async function restingRows(name: keyof typeof places): Promise<number> {
    let last = Number.NaN;
    return await eventually(async () => {
      if (total(await scrape(gateway.url), 'expertgrid_sequences_running') > 0) return undefined;
      const [then, now] = [last, await rows(name)];
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return then === now ? now : undefined;
    });
  }

  beforeAll(async () => {
    model = await tinyBundle({ context: 4096 });
    places.first.port = await freePort();
    places.second.port = await freePort();
    gateway = await startGateway(
      model,
      [places.first, places.second].map(({ port }) => `127.0.0.1:${port}`),
      ['--patience', '300'],
    );
  });

  it('is live but not ready before its shards start, names the missing experts, and is ready when all shards run', async () => {
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect(await readiness(gateway)).toEqual({ status: 503, missing: everyLayer('0-95') });
    expect((await post(gateway, asked)).status).toBe(503);

    await startShard('first');
    const part = await eventually(async () => {
      const { status, missing } = await readiness(gateway);
      return missing[0]?.experts === '0-95' ? undefined : { status, missing };
    });
    expect(part).toEqual({ status: 503, missing: everyLayer('48-95') });

    second = await startShard('second');
    await eventually(async () => (await readiness(gateway)).status === 200);
    expect((await complete(gateway, asked)).usage.completion_tokens).toBe(16);
    expect(await rows('first')).toBeGreaterThan(0);
    expect(await rows('second')).toBeGreaterThan(0);
  });

  it('computes nothing more for a client within one step after it leaves', async () => {
    const rowsOf = async () => (await restingRows('first')) + (await restingRows('second'));
    const length = 3_000;
    // Aborts arrive at random times of a step.
    for (let turn = 1; turn <= 6; turn++) {
      const before = await rowsOf();
      const leave = new AbortController();
      const answer = post(gateway, { prompt: Array(length).fill(turn), max_tokens: 900 }, leave.signal);
      await eventually(async () => (await rows('first')) + (await rows('second')) > before);
      leave.abort();
      await expect(answer).rejects.toThrow(/abort/);
      // A prompt that is computed to its end runs 3 x 3,000 rows: three layers, and one expert for each row.
      expect((await rowsOf()) - before).toBeLessThan(3 * length);
    }
  });

  it('fails a request whose only shard is killed, and the other shards stop working for it', async () => {
    const last = await interrupted(gateway, () => second.signal('SIGKILL'));
    expect(last.error).toMatchObject({ type: 'server_error', code: 'shard_unavailable' });
    const resting = await restingRows('first');
    await expect(rows('second')).rejects.toThrow();
    expect(await readiness(gateway)).toEqual({ status: 503, missing: everyLayer('48-95') });
    expect(await rows('first')).toBe(resting);

    second = await startShard('second');
    expect(await rows('second')).toBe(0);
    await eventually(async () => (await readiness(gateway)).status === 200);
    expect((await complete(gateway, asked)).usage.completion_tokens).toBe(16);
    expect(await rows('second')).toBeGreaterThan(0);
  });

  it('ends on SIGTERM and leaves shards running that it did not start', async () => {
    gateway.process.signal('SIGTERM');
    expect(await gateway.process.exit).toEqual({ code: 0, signal: null });
    expect((await fetch(`${places.first.metrics}/health`)).status).toBe(200);
    second.signal('SIGTERM');
    expect(await second.exit).toEqual({ code: 0, signal: null });
  });
});
