// Tokenizes texts with llama.cpp by small GGUF vocabularies, one for each pre-tokenizer, and writes the ids to test/golden.
// test/model/gguf/tokenizer.test.ts requires the same ids of the tokenizer.json that is made from the same metadata.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp';
import { type GgufValue, modelMetadata, writeGguf } from '../gguf-format.ts';
import { byteSymbols, isCasedBeyondAscii, texts, trainMerges } from './texts.ts';

/** One of each pattern. model/gguf/tokenizer/pre-tokenizers.ts has further names for some of them. */
const preTokenizers = [
  'llama-bpe',
  'qwen2',
  'gpt-2',
  'smollm',
  'gpt-4o',
  'tekken',
  'deepseek-v3',
  'deepseek-coder',
  'glm4',
  'bailingmoe',
  'dbrx',
  'qwen35',
];
const tellsCases = ['gpt-4o', 'tekken'];
const MERGES = 300;
const specials = ['<|begin|>', '<|end|>'];

const heldOut: { text: string }[] = JSON.parse(
  await readFile(new URL('../../held-out.json', import.meta.url), 'utf8'),
);
const corpus = [...texts, ...heldOut.map(({ text }) => text.slice(0, 500))];
const encoder = new TextEncoder();
const symbols = byteSymbols();

const byteLevel = () => {
  const words = corpus.map((text) => Array.from(encoder.encode(text), (byte) => symbols[byte] ?? ''));
  const merges = trainMerges(words, MERGES);
  const tokens = [...symbols, ...merges.map((pair) => pair.join('')), ...specials];
  return {
    tokens,
    kinds: tokens.map((token) => (specials.includes(token) ? 3 : 1)),
    merges: merges.map((pair) => pair.join(' ')),
  };
};

/** SentencePiece's pieces: spaces are `▁`, and characters that are no piece become bytes. */
const sentencePiece = () => {
  const words = corpus.map((text) => [...` ${text}`.replaceAll(' ', '▁')]);
  const characters = [...new Set(words.flat())].filter(
    (character) => character === '▁' || (character.codePointAt(0) ?? 0) < 0x500,
  );
  const known = new Set(characters);
  const cut = words.map((word) => word.map((character) => (known.has(character) ? character : '\u0000')));
  const pieces = [...new Set(trainMerges(cut, MERGES).map((pair) => pair.join('')))].filter(
    (piece) => !piece.includes('\u0000'),
  );
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const plain = [...pieces, ...characters.filter((character) => character !== '\u0000' && character !== '')];
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...plain];
  const kinds = [2, 3, 3, ...bytes.map(() => 6), ...plain.map(() => 1)];
  return { tokens, kinds, scores: [0, 0, 0, ...bytes.map(() => 0), ...plain.map((_, i) => -i)] };
};

const common = modelMetadata(
  'llama',
  {
    hidden: 32,
    layers: 1,
    heads: 1,
    kvHeads: 1,
    headDim: 32,
    experts: 0,
    expertsPerToken: [0],
    inner: 32,
    vocab: 0,
    context: 64,
    normEps: 1e-5,
    rope: { base: 1e4 },
  },
  { fileType: 0, feedForward: 32 },
);

async function idsOf(
  llama: Llama,
  metadata: Record<string, GgufValue>,
  wanted: readonly string[],
): Promise<number[][]> {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-tokenizers-'));
  try {
    const modelPath = join(dir, 'vocabulary.gguf');
    await writeGguf(modelPath, { ...common, ...metadata }, []);
    const model = await llama.loadModel({ modelPath, vocabOnly: true });
    const ids = wanted.map((text) => [...model.tokenize(text, false)]);
    await model.dispose();
    return ids;
  } finally {
    await rm(dir, { recursive: true });
  }
}

const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });
const bytes = byteLevel();
const pieces = sentencePiece();
const byPre: Record<string, number[][]> = {};
const kindsOf = (kinds: readonly number[]): GgufValue => ({ type: 'i32s', value: kinds });
for (const pre of preTokenizers) {
  const wanted = texts.filter((text) => !tellsCases.includes(pre) || !isCasedBeyondAscii(text));
  byPre[pre] = await idsOf(
    llama,
    {
      'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
      'tokenizer.ggml.pre': { type: 'string', value: pre },
      'tokenizer.ggml.tokens': { type: 'strings', value: bytes.tokens },
      'tokenizer.ggml.token_type': kindsOf(bytes.kinds),
      'tokenizer.ggml.merges': { type: 'strings', value: bytes.merges },
    },
    wanted,
  );
}
const pieceIds = await idsOf(
  llama,
  {
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'strings', value: pieces.tokens },
    'tokenizer.ggml.token_type': kindsOf(pieces.kinds),
    'tokenizer.ggml.scores': { type: 'f32s', value: pieces.scores },
  },
  texts,
);
await llama.dispose();
const result = {
  source: `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp 3.22.1)`,
  texts,
  tellsCases,
  byteLevel: { ...bytes, ids: byPre },
  sentencePiece: { ...pieces, ids: pieceIds },
};
const path = new URL('../../../test/golden/gguf-tokenizers.json', import.meta.url);
await writeFile(path, `${JSON.stringify(result)}\n`);
console.log(
  `gguf-tokenizers.json: ${texts.length} texts, ${preTokenizers.length} pre-tokenizers and SentencePiece`,
);
