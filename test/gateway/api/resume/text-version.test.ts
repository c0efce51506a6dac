// Guards TEXT_VERSION: the same requests, over an engine whose logits are fixed, must give the same events. The tokenizer and the
// chat template are those of a model for tests, so that another embedded model changes nothing here.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { expect, test } from 'vitest';
import { createApi } from '../../../../gateway/api/app.ts';
import { TEXT_VERSION } from '../../../../gateway/api/resume/text-version.ts';
import { loadTextSide, type TextSide } from '../../../../gateway/api/text/text-side.ts';
import { Constraints } from '../../../../gateway/constraints/masks/constraints.ts';
import { withRead } from '../../../../gateway/constraints/specification.ts';
import { vocabularyData } from '../../../../gateway/constraints/vocabulary.ts';
import type { GenerationRequest } from '../../../../gateway/engine/messages.ts';
import { philox } from '../../../../gateway/engine/sampling/random.ts';
import { sample } from '../../../../gateway/engine/sampling/sampler.ts';
import { FakeEngine } from '../../../support/engines/fake-engine.ts';
import { callModels, tokenizerWith } from '../../../support/models/call-models.ts';
import { tinyFolder } from '../../../support/models/tiny-bundle.ts';
import { nanoModels, requests } from '../../../support/resume/room.ts';
import { blocksOf, SECRET, signedRequest } from '../../../support/resume/signed.ts';

const golden = join(import.meta.dirname, '../../../golden/text-version.json');

const hermes = callModels.find(({ name }) => name === 'Hermes')!;
const tokenizerJson = tokenizerWith(hermes.specials);
const VOCAB = Object.keys(tokenizerJson.model.vocab).length + tokenizerJson.added_tokens.length;
const text = await textOfHermes();
const constraints = new Constraints(vocabularyData(VOCAB, (id) => text.tokenizer.bytes(id)));

/** Tokenizer and chat template of a model for tests whose calls have the syntax of Hermes. */
async function textOfHermes(): Promise<TextSide> {
  const dir = await tinyFolder();
  const config = { bos_token: '<|endoftext|>', eos_token: '<|end|>', chat_template: hermes.template };
  await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(tokenizerJson));
  await writeFile(join(dir, 'tokenizer_config.json'), JSON.stringify(config));
  return await loadTextSide(dir);
}

/** Whole numbers, so that they are the same on every machine. */
function logitsAt(position: number): Float32Array {
  return Float32Array.from({ length: VOCAB }, (_, id) => philox([position, id, 0, 0], [1, 2])[0] % 12);
}

/** Samples an answer from the logits. The prompt is not used. */
function sampled({ constraint: spec, grammar, sampling, stopIds, maxTokens }: GenerationRequest): number[] {
  const read = spec && grammar ? withRead(spec, grammar) : spec;
  const constraint = read && constraints.open(read, { stopIds: [...stopIds], tenant: '' });
  const generated = new Map<number, number>();
  const ids: number[] = [];
  while (ids.length < maxTokens && constraint?.finished !== true) {
    constraint?.prepare(() => false);
    const position = ids.length;
    const seen = new Set(ids);
    const { id } = sample({
      logits: logitsAt(position),
      settings: sampling,
      position,
      generated,
      seen,
      constraint,
    });
    constraint?.advance(id);
    generated.set(id, (generated.get(id) ?? 0) + 1);
    ids.push(id);
    if (stopIds.includes(id)) break;
  }
  constraint?.close();
  return ids;
}

test('what is written for a request changes only with TEXT_VERSION', async () => {
  const engine = new FakeEngine({ vocab: VOCAB, reply: sampled, once: true });
  const created = 1_700_000_000;
  const app = createApi({
    models: nanoModels(text, engine),
    callerSecrets: () => [SECRET],
    logger: pino({ level: 'silent' }),
  });
  const hash = createHash('sha256');
  // The events of several choices may arrive in any order.
  const single = requests.filter(({ body: { n = 1, prompt } }) => n === 1 && !Array.isArray(prompt));
  expect(single.length).toBeGreaterThan(10);
  for (const { path, body } of single) {
    const answer = { id: '00112233445566778899aabbccddeeff', created, seed: 3 };
    const whole = { model: 'nano', ...body, stream: true };
    const response = await app.fetch(signedRequest({ path, body: whole, claims: { answer } }));
    const blocks = blocksOf(await response.text());
    expect([path, response.status, blocks.length > 2]).toEqual([path, 200, true]);
    for (const { event } of blocks) hash.update(event.replace(/"completed_at":\d+/, ''));
  }
  for (const { prompt } of engine.requests) hash.update(prompt);
  const found = { version: TEXT_VERSION, sha256: hash.digest('hex') };
  const advice = `what is written has changed: raise TEXT_VERSION, and write ${JSON.stringify(found)} into ${golden}`;
  expect(found, advice).toEqual(JSON.parse(await readFile(golden, 'utf8')));
});
