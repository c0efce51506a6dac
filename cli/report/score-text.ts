// Scores a text with a bundle in this process: the bits that the model needs for each byte of it.
import { version } from '../../base/package.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { ShardService } from '../../experts/service.ts';
import { loadTokenizer, type Tokenizer } from '../../gateway/api/text/tokenizer.ts';
import { Engine } from '../../gateway/engine/engine.ts';
import { neutralSampling } from '../../gateway/engine/messages.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { mapInUnits } from '../../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../../model/devices/open.ts';
import { InputError } from '../../model/errors.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember } from '../../router/shards/member.ts';
import { Closing } from '../closing.ts';
import { WINDOW, windowsOf } from './windows.ts';

/** How long the experts may take to be validated. */
const VALIDATION_MS = 60_000;

export interface TextScore {
  bits: number;
  /** Bytes of the tokens that were predicted. */
  bytes: number;
  tokens: number;
}

/**
 * Scores the start of `text` in windows, each of which begins with the last token of the window before. Throws an InputError if
 * the text has fewer than two tokens.
 */
export async function scoreText(dir: string, text: string): Promise<TextScore> {
  const closing = new Closing();
  try {
    const bundle = await openBundle(dir);
    closing.add(() => bundle.close());
    const tokenizer = await loadTokenizer(dir);
    const windows = windowsOf(tokenizer.encode(text), Math.min(WINDOW, bundle.config.context - 1));
    if (windows.length === 0)
      throw new InputError('the text has fewer than two tokens, so there is nothing to score');
    const engine = await openEngine(bundle, closing);
    const score: TextScore = { bits: 0, bytes: 0, tokens: 0 };
    for (const ids of windows) {
      score.bits += await bitsOf(engine, ids);
      score.bytes += ids.slice(1).reduce((sum, id) => sum + bytesOf(tokenizer, id), 0);
      score.tokens += ids.length - 1;
    }
    return score;
  } finally {
    await closing.all();
  }
}

function bytesOf(tokenizer: Tokenizer, id: number): number {
  return (tokenizer.specialName(id) ?? tokenizer.bytes(id)).length;
}

/** An engine with all experts in this thread. */
async function openEngine(bundle: Bundle, closing: Closing): Promise<Engine> {
  const { config } = bundle;
  const { layers, experts } = unitShape(config);
  const units = Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
  const device = await openExpertDevice({ bundle });
  closing.add(() => device.dispose());
  await device.load(units);
  mapInUnits(device, units);
  const dense = await openDenseDevice({ bundle });
  closing.add(() => dense.dispose());
  const model = modelOffer(bundle);
  const { handlers, run } = new ShardService({ models: [{ device, model, units }], version });
  const fleet = new Fleet({ members: [localMember('in-process', handlers, run)], model });
  closing.add(() => fleet.close());
  if (!(await fleet.whenReady(VALIDATION_MS))) throw new Error('the experts were not validated in time');
  const engine = new Engine({
    ...openHostKernels({ bundle }),
    ...{ config, dense, fleet },
    identity: model.identity,
    content: bundle.manifest.contentHash,
    rules: await routingRules(bundle),
    speculate: false,
  });
  closing.add(() => engine.close(0));
  return engine;
}

/** Bits that the model needs for all tokens but the first. */
async function bitsOf(engine: Engine, ids: readonly number[]): Promise<number> {
  const request = {
    id: 'report',
    prompt: Int32Array.from(ids),
    maxTokens: 0,
    promptLogprobs: 0,
    sampling: neutralSampling,
    stopIds: [],
  };
  let nats = 0;
  for await (const part of engine.generate(request, new AbortController().signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'prompt') for (const { logprob } of part.logprobs) nats -= logprob;
  }
  return nats / Math.LN2;
}
