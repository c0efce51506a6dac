// Loads the tokenizer, the chat templates and the special tokens of a model from the directory of its checkpoint or bundle.
import path from 'node:path';
import { readJsonObject } from './json-file.ts';
import { type SamplingDefaults, samplingDefaults } from './sampling-defaults.ts';
import { type ChatTemplates, loadTemplates } from './template.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

export interface TextSide extends ChatTemplates {
  tokenizer: Tokenizer;
  /** Ids of tokens that end an answer. */
  stopIds: number[];
  /** How tokens are drawn if the request does not say. */
  sampling: SamplingDefaults;
  /** The content of tokenizer_config.json, for `/tokenizer_info`. Special tokens are given by their names. */
  tokenizerInfo: Record<string, unknown>;
  /** Id of the token that begins a text, if the checkpoint names one. An empty prompt is replaced by a prompt of this one token. */
  bos: number | undefined;
}

/** Only tokenizer.json must exist. The other files are optional. */
export async function loadTextSide(dir: string): Promise<TextSide> {
  const read = (name: string) => readJsonObject(path.join(dir, name), { absent: {} });
  const [config, generation, checkpoint] = await Promise.all([
    read('tokenizer_config.json'),
    read('generation_config.json'),
    read('config.json'),
  ]);
  const listed =
    idList(generation.eos_token_id, 'generation_config.json') ??
    idList(checkpoint.eos_token_id, 'config.json');
  const tokenizer = await loadTokenizer(dir, listed);
  const tokenizerInfo = namedTokens(config);
  const nameOf = (field: string) => {
    const name = tokenizerInfo[field];
    return typeof name === 'string' ? name : undefined;
  };
  const [bos, eos] = [nameOf('bos_token'), nameOf('eos_token')];
  const others = otherTokens.flatMap((field) => {
    const name = nameOf(field);
    return name === undefined ? [] : [[field, name]];
  });
  const named = (name: string | undefined) => (name === undefined ? undefined : tokenizer.idOf(name));
  return {
    tokenizer,
    tokenizerInfo,
    sampling: samplingDefaults(generation),
    ...(await loadTemplates(dir, config, { bos, eos, others: Object.fromEntries(others) })),
    stopIds: listed ?? idList(named(eos), 'tokenizer_config.json') ?? [],
    bos:
      named(bos) ??
      idList(generation.bos_token_id ?? checkpoint.bos_token_id, 'config.json', 'bos_token_id')?.[0],
  };
}

/** Further special tokens that are variables of templates, as in transformers. */
const otherTokens = ['unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** tokenizer_config.json writes a special token as its name, or as an object that this function replaces by the name. */
function namedTokens(config: Record<string, unknown>): Record<string, unknown> {
  const named = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(named);
    return isAddedToken(value) ? value.content : value;
  };
  return Object.fromEntries(Object.entries(config).map(([field, value]) => [field, named(value)]));
}

function isAddedToken(value: unknown): value is { content: string } {
  return (
    typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string'
  );
}

function idList(value: unknown, file: string, field = 'eos_token_id'): number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
      throw new Error(`${file}: ${field} contains ${JSON.stringify(id)}, which is not a token id`);
    return id;
  });
}
