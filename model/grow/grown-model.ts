// Makes the configuration of a grown model, and the plan of its tensors. Reads the source's config.json and headers.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelNames } from '../bundle/names.ts';
import { withNormShapes } from '../bundle/tensors.ts';
import { parseConfig } from '../config/config.ts';
import { readFields } from '../config/config-fields.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { openCheckpoint, parseJson, readTensors } from '../convert/checkpoint.ts';
import { checkTensors, sameBytes } from '../convert/convert.ts';
import { hasCode, InputError, tensorError } from '../errors.ts';
import { parseQuantisation } from '../quantised/settings/quantisation.ts';
import { isDenseType, mixtureJson } from './dense-config.ts';
import { deepened, deepenedJson } from './depth-config.ts';
import { type GrownTensor, type Growth, type Json, USUAL_NOISE } from './growth.ts';
import { layerOrder } from './layer-order.ts';
import { planCopies } from './plan-copies.ts';
import { planDense } from './plan-dense.ts';
import { requireConfig } from './require-config.ts';
import { widened, widenedJson } from './width-config.ts';

export interface GrownModel {
  /** The new config.json. */
  json: Json;
  /** The model that it describes. */
  config: ModelConfig;
  tensors: GrownTensor[];
}

/** Throws an InputError that names file and tensor or field if the checkpoint in `dir` cannot be grown. */
export async function growModel(dir: string, growth: Growth): Promise<GrownModel> {
  const file = join(dir, 'config.json');
  if (await isDenseCheckpoint(dir)) return await growDense(dir, file, growth);
  const checkpoint = await openCheckpoint(dir);
  const json = withoutPrediction(parseJson(await readFile(file), file) as Json);
  refuse(json, file);
  await checkTensors(checkpoint);
  const { config } = checkpoint;
  if (growth.kind === 'depth') {
    const order = layerOrder(config.layers, growth.keepEnds);
    if (order === undefined)
      throw new InputError(
        `${file}: none of the ${config.layers} layers is copied if ${growth.keepEnds} stay single at each end`,
      );
    const grown = deepened(config, order);
    const tensors = planCopies(checkpoint, { order, copies: 1, biasFactor: 1, noise: 0, seed: 0 });
    return checked({ json: deepenedJson(json, config, grown, order), config: grown, tensors }, file);
  }
  const copies = copiesOf(config, growth.experts, file);
  const wide = widened(config, copies);
  if (typeof wide === 'string')
    throw new InputError(`${file}: the layout ${config.layout} cannot grow in width: ${wide}`);
  const order = Array.from({ length: config.layers }, (_, layer) => layer);
  const { noise = USUAL_NOISE, seed } = growth;
  const tensors = planCopies(checkpoint, { order, copies, biasFactor: wide.biasFactor, noise, seed });
  return checked({ json: widenedJson(json, config, wide.config), config: wide.config, tensors }, file);
}

function checked(grown: GrownModel, file: string): GrownModel {
  requireConfig(grown.json, grown.config, file);
  return grown;
}

/** Whether the checkpoint is a dense model that can become a mixture. False if it has no such config.json. */
export async function isDenseCheckpoint(dir: string): Promise<boolean> {
  const path = join(dir, 'config.json');
  const bytes = await readFile(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (bytes === undefined) return false;
  const json = parseJson(bytes, path);
  return typeof json === 'object' && json !== null && 'model_type' in json && isDenseType(json.model_type);
}

function copiesOf({ experts }: ModelConfig, wanted = 2 * experts, file: string): number {
  const copies = wanted / experts;
  if (Number.isInteger(copies) && copies > 1) return copies;
  throw new InputError(
    `${file}: has ${experts} experts, which cannot become ${wanted}: give a multiple, such as ${2 * experts}`,
  );
}

/** Throws for checkpoints that are computed but cannot be grown. */
function refuse(json: Json, file: string): void {
  const fields = readFields(json, file);
  if (fields.has('text_config'))
    fields.refuse('text_config', 'a model with several parts cannot be grown; give its text model');
  if (parseQuantisation(fields) !== undefined)
    throw new InputError(`${file}: quantised weights cannot be grown; give the checkpoint of floats`);
}

/** Layers of multi-token prediction are left out. */
function withoutPrediction(json: Json): Json {
  const values: Json = { num_nextn_predict_layers: 0, num_mtp_modules: 0, use_mtp: false };
  return { ...json, ...Object.fromEntries(Object.entries(values).filter(([name]) => name in json)) };
}

/** Usual deviation of the initial weights (`initializer_range` of transformers). */
const INITIAL_DEVIATION = 0.02;

async function growDense(dir: string, file: string, growth: Growth): Promise<GrownModel> {
  const source = parseJson(await readFile(file), file) as Json;
  if (growth.kind === 'depth')
    throw new InputError(
      `${file}: field model_type: "${source.model_type}" is a dense model; only --experts grows it`,
    );
  const { experts = 0, noise = 0, seed } = growth;
  if (experts < 2)
    throw new InputError(`${file}: a dense model becomes a mixture only with --experts of at least 2`);
  refuse(source, file);
  const json = mixtureJson(source, experts, file);
  const plain = parseConfig(json, file);
  const dense = await readTensors(dir, (name) => plain.tiedEmbeddings && name === modelNames.head);
  const config = withNormShapes(plain, (name) => dense.tensors.get(name)?.shape);
  const head = dense.tensors.get(modelNames.head);
  const embedding = dense.tensors.get(modelNames.embedding);
  const isOther = head && embedding && config.tiedEmbeddings && !(await sameBytes(head, embedding));
  if (isOther)
    throw tensorError(head.path, head.name, 'differs from the embedding, though config.json ties them');
  const routerDeviation = readFields(source, file).positive('initializer_range', INITIAL_DEVIATION);
  const tensors = planDense(dense, config, { noise, seed, routerDeviation });
  return { json, config, tensors };
}
