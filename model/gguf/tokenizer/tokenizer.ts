// Makes tokenizer.json, tokenizer_config.json and generation_config.json of a GGUF model from its metadata.
import { type Metadata, readMetadata } from '../metadata.ts';
import type { GgufModel } from '../read.ts';
import { byteLevelParts } from './byte-level.ts';
import { sentencePieceParts } from './sentence-piece.ts';
import { endIds, readSpecialIds, readVocabulary, type SpecialIds, type Vocabulary } from './vocabulary.ts';

/** Parts of a tokenizer.json that depend on the kind of tokenizer. */
export interface TokenizerParts {
  normalizer: object | null;
  pre_tokenizer: object | null;
  decoder: object;
  model: object;
  /** Whether a text begins with the bos token if the file does not say. */
  addsBos: boolean;
}

type Kind = (keys: Metadata, vocabulary: Vocabulary, special: SpecialIds) => TokenizerParts;

/** By `tokenizer.ggml.model`. */
const tokenizerKinds: ReadonlyMap<string, Kind> = new Map([
  ['gpt2', byteLevelParts],
  ['llama', sentencePieceParts],
]);

const MODEL = 'tokenizer.ggml.model';

/**
 * The small files of the model by name, as JSON objects. Empty if the file has no tokenizer. Throws an InputError that names the key if
 * the kind of tokenizer is not supported.
 */
export function ggufTokenizer(model: Pick<GgufModel, 'metadata' | 'path'>): Record<string, object> {
  const keys = readMetadata(model);
  if (!keys.has(MODEL)) return {};
  const kind = keys.text(MODEL);
  const make = tokenizerKinds.get(kind);
  if (make === undefined) {
    return keys.refuse(MODEL, `"${kind}" is not supported (${[...tokenizerKinds.keys()].join(' and ')} are)`);
  }
  const vocabulary = readVocabulary(keys);
  const special = readSpecialIds(keys, vocabulary);
  const { addsBos, ...parts } = make(keys, vocabulary, special);
  const adds = {
    bos: keys.flag('tokenizer.ggml.add_bos_token', addsBos),
    eos: keys.flag('tokenizer.ggml.add_eos_token', false),
  };
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: vocabulary.added.map((token) => {
        return { ...token, single_word: false, lstrip: false, rstrip: false, normalized: false };
      }),
      ...parts,
      post_processor: postProcessor(vocabulary, special, adds),
    },
    'tokenizer_config.json': tokenizerConfig(keys, vocabulary, { special, adds }),
    'generation_config.json': generationConfig(keys, vocabulary, special),
  };
}

interface Adds {
  bos: boolean;
  eos: boolean;
}

/** Adds the bos token before a text, and the eos token after it. */
function postProcessor({ tokens }: Vocabulary, { bos, eos }: SpecialIds, adds: Adds): object | null {
  const before = adds.bos ? bos : undefined;
  const after = adds.eos ? eos : undefined;
  const used = [before, after].filter((id) => id !== undefined);
  if (used.length === 0) return null;
  const named = (id: number | undefined) =>
    id === undefined ? [] : [{ SpecialToken: { id: tokens[id], type_id: 0 } }];
  const sequence = (id: string) => [{ Sequence: { id, type_id: id === 'A' ? 0 : 1 } }];
  const single = [...named(before), ...sequence('A'), ...named(after)];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, ...named(before), ...sequence('B'), ...named(after)],
    special_tokens: Object.fromEntries(
      used.map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  };
}

function tokenizerConfig(
  keys: Metadata,
  { tokens }: Vocabulary,
  { special, adds }: { special: SpecialIds; adds: Adds },
): object {
  const named = (name: string, id: number | undefined) => (id === undefined ? {} : { [name]: tokens[id] });
  const template = chatTemplate(keys);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    add_bos_token: adds.bos,
    add_eos_token: adds.eos,
    ...named('bos_token', special.bos),
    ...named('eos_token', special.eos),
    ...named('unk_token', special.unknown),
    ...named('pad_token', special.padding),
    ...(template !== undefined && { chat_template: template }),
  };
}

/** The template, or a list if there are several, such as one for tools. */
function chatTemplate(keys: Metadata): string | { name: string; template: string }[] | undefined {
  const MAIN = 'tokenizer.chat_template';
  if (!keys.has(MAIN)) return undefined;
  const main = keys.text(MAIN);
  const names = keys.has('tokenizer.chat_templates') ? keys.texts('tokenizer.chat_templates') : [];
  if (names.length === 0) return main;
  const others = names.map((name) => ({ name, template: keys.text(`${MAIN}.${name}`) }));
  return [{ name: 'default', template: main }, ...others.filter(({ name }) => name !== 'default')];
}

function generationConfig(keys: Metadata, vocabulary: Vocabulary, special: SpecialIds): object {
  const ends = endIds(vocabulary, special);
  const setting = (name: string, key: string) => {
    const full = `general.sampling.${key}`;
    return keys.has(full) ? { [name]: keys.number(full), do_sample: true } : {};
  };
  return {
    ...(special.bos !== undefined && { bos_token_id: special.bos }),
    ...(ends.length > 0 && { eos_token_id: ends }),
    ...(special.padding !== undefined && { pad_token_id: special.padding }),
    ...setting('temperature', 'temp'),
    ...setting('top_k', 'top_k'),
    ...setting('top_p', 'top_p'),
    ...setting('min_p', 'min_p'),
  };
}
