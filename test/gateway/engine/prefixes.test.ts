// Blocks of KV memory that one engine reads and another engine goes on with.
import { expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../../../gateway/engine/engine.ts';
import type { GenerationPart, GenerationRequest, KvPrefix } from '../../../gateway/engine/messages.ts';
import { collect, countingRequest, openCountingEngine } from '../../support/engines/counting-engine.ts';
import { startTinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

/** Generates until `tokens` tokens have come, and then reads the prefix of the generation. */
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
      first = piece.ids.length / (piece.ids.length - piece.first * 0) + first; // replaced below
      first = pieces.reduce((blocks, { bytes }) => blocks + bytes.length / blockBytes(piece), 0);
    }
    leave.abort();
  }
  return { ids, pieces };
}

function blockBytes({ bytes, ids, first }: KvPrefix): number {
  return bytes.length / (ids.length / 4 - first);
}

it('placeholder', () => expect(1).toBe(1));
