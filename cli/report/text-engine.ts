// An engine in this process, with all experts, that reads a text with a bundle.
import { readFile } from 'node:fs/promises';
import { errorText } from '../../base/error-text.ts';
import { version } from '../../base/package.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { ShardService } from '../../experts/service.ts';
import { Engine } from '../../gateway/engine/engine.ts';
import { neutralSampling } from '../../gateway/engine/messages.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { mapInUnits } from '../../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../../model/devices/open.ts';
import { InputError } from '../../model/errors.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember } from '../../router/shards/member.ts';
import type { Closing } from '../closing.ts';

/** How long the experts may take to be validated. */
const VALIDATION_MS = 60_000;

/** The text of the file that `flag` names. */
export async function readText(file: string, flag: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    throw new InputError(`${flag} ${file}: cannot be read as UTF-8 text: ${errorText(cause)}`, { cause });
  }
}

/** An engine with all experts in this thread. */
export async function openEngine(bundle: Bundle, closing: Closing): Promise<Engine> {
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

/** Computes all tokens, and returns the bits that the model needs for all but the first. No prefix is taken from the cache. */
export async function bitsOf(engine: Engine, ids: readonly number[]): Promise<number> {
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
