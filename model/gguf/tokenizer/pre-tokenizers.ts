// How each kind of byte-level BPE splits a text before merging, by `tokenizer.ggml.pre`. llama.cpp names each published tokenizer after
// the first model that had it. The patterns are those of the models' tokenizer.json files; llama-vocab.cpp of llama.cpp lists them.

export interface PreTokenizer {
  /** Patterns by which the text is split, one after the other. Text between matches is a piece of its own. */
  splits: readonly string[];
  /** Whether a piece that is a token becomes that token without merging. */
  ignoreMerges?: true;
  /** Whether the text begins with the bos token if the file does not say. */
  addsBos?: true;
  /** Whether the text is normalised to composed characters first. */
  composes?: true;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const LINES = '\\s*[\\r\\n]+';
const SPACES = '\\s+(?!\\S)|\\s+';
const WORD = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const MARKS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';

/** Contractions, words with one mark before them, numbers, marks, lines and spaces, as tiktoken's cl100k has them. */
const cl100k = (numbers: string, marks = MARKS) => {
  return [`${CONTRACTIONS}|${WORD}|${numbers}|${marks}|${LINES}|${SPACES}`];
};

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const DIGIT = '\\p{N}';

const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';

/** Words of lower case with capitals before them, or of capitals. `after` follows a word. */
const cased = (after: string, numbers: string) => {
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  const words = `${before}${UPPER}*${LOWER}+${after}|${before}${UPPER}+${LOWER}*${after}`;
  return [`${words}|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${LINES}|${SPACES}`];
};

const CJK = '[一-龥\\u3040-ゟ゠-ヿ]+';

const deepseek3: PreTokenizer = {
  splits: [
    '\\p{N}{1,3}',
    CJK,
    `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${LINES}|${SPACES}`,
  ],
};

const llama3: PreTokenizer = { splits: cl100k('\\p{N}{1,3}'), ignoreMerges: true, addsBos: true };
const qwen2: PreTokenizer = { splits: cl100k(DIGIT), composes: true };
const gpt2: PreTokenizer = { splits: [GPT2] };
const digits: PreTokenizer = { splits: [DIGIT, GPT2] };
const o200k: PreTokenizer = { splits: cased(`${CONTRACTIONS}?`, '\\p{N}{1,3}') };

const bailing: PreTokenizer = {
  splits: [`'(?i:[sdmt]|ll|ve|re)|${WORD}|${DIGIT}|${MARKS}|\\s*[\\r\\n]|${SPACES}`],
};
const glm4: PreTokenizer = { splits: cl100k('\\p{N}{1,3}'), ignoreMerges: true };

export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  pixtral: llama3,
  lfm2: llama3,
  dbrx: { splits: cl100k('\\p{N}{1,3}') },
  'smaug-bpe': { splits: cl100k('\\p{N}{1,3}') },
  glm4,
  glm5: glm4,
  'chatglm-bpe': { splits: cl100k('\\p{N}{1,3}') },
  qwen2,
  'deepseek-r1-qwen': qwen2,
  megrez: qwen2,
  stablelm2: { splits: cl100k(DIGIT) },
  hunyuan: { splits: cl100k(DIGIT) },
  'solar-open': { splits: cl100k(DIGIT) },
  'grok-2': { splits: cl100k(DIGIT) },
  qwen35: {
    splits: [
      `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|${DIGIT}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${LINES}|${SPACES}`,
    ],
  },
  bailingmoe: bailing,
  bailingmoe2: bailing,
  'gpt-2': gpt2,
  'phi-2': gpt2,
  mpt: { splits: [GPT2], composes: true },
  olmo: { splits: [GPT2], composes: true },
  smollm: digits,
  starcoder: digits,
  refact: digits,
  codeshell: digits,
  'command-r': { ...digits, composes: true },
  'gpt-4o': o200k,
  llama4: o200k,
  'minimax-m2': o200k,
  tekken: { splits: cased('', DIGIT), ignoreMerges: true, addsBos: true },
  'deepseek-v3': deepseek3,
  'hunyuan-dense': deepseek3,
  'deepseek-coder': {
    splits: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', DIGIT],
  },
};
