// Blocks of KV memory that one engine reads and another engine goes on with.
import { expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../../../gateway/engine/engine.ts';
import type { GenerationRequest, KvPrefix } from '../../../gateway/engine/messages.ts';
import { collect, countingRequest, openCountingEngine } from '../../support/engines/counting-engine.ts';
import { startTinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

/** Generates `tokens` tokens, and reads the prefix of the generation while it runs. */
async function begin(engine: Engine, request: GenerationRequest, tokens: number) {
  const leave = new AbortController();
  const ids: number[] = [];
  const pieces: KvPrefix[] = [];
  for await (const part of engine.generate(request, leave.signal)) {
    if (part.type !== 'token') throw new Error(`unexpected part ${JSON.stringify(part)}`);
    ids.push(part.id);
    if (ids.length < tokens) continue;
    for (let first = 0; ; ) {
      const piece = await engine.readPrefix(request.id, first);
      if (piece === undefined) break;
      pieces.push(piece);
      first = piece.end;
    }
    leave.abort();
  }
  return { ids, pieces };
}

it('an engine goes on with the blocks of another one, with the same bits', async () => {
  const bundle = await tinyBundle({ experts: 12, kvHeads: 2, heads: 4, headDim: 16, bits: 4 });
  const [one, other] = [await startTinyEngine({ bundle }), await startTinyEngine({ bundle, shards: 3 })];
  onTestFinished(async () => {
    await one.close();
    await other.close();
  });
  const prompt = Int32Array.from({ length: 90 }, (_, i) => (i * 11) % 200);
  const request = { prompt, maxTokens: 60, digests: true, cacheSalt: 'a' };
  const { pieces, ids } = await begin(one.engine, countingRequest(request), 40);
  expect(pieces.map(({ first, end }) => [first, end])).toEqual([[0, 4]]);
  for (const piece of pieces) expect(await other.engine.writePrefix(piece)).toBe(true);
  const digestsOf = async (engine: Engine, more: Partial<GenerationRequest>) => {
    const digests: (string | undefined)[] = [];
    let cached = 0;
    for await (const part of engine.generate(
      countingRequest({ ...request, ...more }),
      new AbortController().signal,
    )) {
      if (part.type === 'token') digests.push(part.digest);
      if (part.type === 'finish') cached = part.cachedTokens;
    }
    return { digests, cached };
  };
  const whole = await digestsOf(one.engine, {});
  const continued = await digestsOf(other.engine, { known: Int32Array.from(ids), unreported: ids.length });
  expect(continued.digests).toEqual(whole.digests.slice(ids.length));
  expect(continued.cached).toBe(90);
  const { counters } = await other.engine.status();
  expect(counters).toMatchObject({ received_positions: 128, cached_prompt_tokens: 128 });
  const stranger = await digestsOf(other.engine, { cacheSalt: 'b' });
  expect([stranger.digests, stranger.cached]).toEqual([whole.digests, 0]);
});

it('only full blocks of running generations are read', async () => {
  const { engine } = await openCountingEngine();
  const { pieces } = await begin(engine, countingRequest({ id: 'a', maxTokens: 9 }), 6);
  expect(pieces).toHaveLength(1);
  expect([...(pieces[0]?.ids ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await engine.readPrefix('a', 0)).toBeUndefined();
  expect(await engine.readPrefix('unknown', 0)).toBeUndefined();
});

it('blocks of a stream with replaced experts are not read', async () => {
  const { engine } = await openCountingEngine();
  const degraded = { degradedHops: { standby: 1 }, degrade: 'standby' as const, known: Int32Array.of(4) };
  const { pieces } = await begin(engine, countingRequest({ maxTokens: 20, ...degraded }), 12);
  expect(pieces).toEqual([]);
});

it('blocks are refused if earlier ones are missing, if they have another size, or if there is no room', async () => {
  const source = await openCountingEngine();
  const { pieces } = await begin(source.engine, countingRequest({ maxTokens: 30 }), 20);
  const [piece] = pieces;
  if (piece === undefined) throw new Error('no piece was read');
  const { engine, generate } = await openCountingEngine();
  expect(await engine.writePrefix({ ...piece, first: 1, bytes: piece.bytes.slice(4) })).toBe(false);
  expect(await engine.writePrefix({ ...piece, bytes: piece.bytes.slice(1) })).toBe(false);
  expect(await engine.writePrefix({ ...piece, ids: piece.ids.slice(1) })).toBe(false);
  const small = await openCountingEngine({ kvMemory: 8 });
  expect(await small.engine.writePrefix(piece)).toBe(false);
  expect((await small.engine.status()).kvBytesReserved).toBe(0);
  expect(await engine.writePrefix(piece)).toBe(true);
  expect(await engine.writePrefix(piece)).toBe(true);
  const { last } = await collect(generate({ prompt: piece.ids, maxTokens: 1 }));
  expect(last).toMatchObject({ cachedTokens: 4 * Math.floor((piece.ids.length - 1) / 4) });
});
