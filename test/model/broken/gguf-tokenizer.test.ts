// Models in GGUF whose tokenizer is wrong.
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'vitest';
import { values } from '../gguf/gguf-bytes.ts';
import { expectRefusal, freshPaths } from './break.ts';
import { file, token, tokenizer, tokens, vocab } from './gguf-parts.ts';

const fresh = freshPaths();

const cases: [what: string, bytes: () => Buffer, says: string][] = [
  [
    'a tokenizer of an unknown kind',
    () => token('model', values.string('t5')),
    'NAME.gguf: key tokenizer.ggml.model: "t5" is not supported (gpt2 and llama are)',
  ],
  [
    'a tokenizer with an unknown pre',
    () => token('pre', values.string('klingon')),
    'NAME.gguf: key tokenizer.ggml.pre: "klingon" is not supported (llama-bpe, llama3, llama-v3, falcon3, pixtral, lfm2, dbrx, smaug-bpe, glm4, glm5, chatglm-bpe, qwen2, deepseek-r1-qwen, megrez, stablelm2, hunyuan, solar-open, grok-2, qwen35, bailingmoe, bailingmoe2, gpt-2, phi-2, mpt, olmo, smollm, starcoder, refact, codeshell, command-r, gpt-4o, llama4, minimax-m2, tekken, deepseek-v3, hunyuan-dense, deepseek-coder are)',
  ],
  [
    'a tokenizer without tokens',
    () => token('tokens', undefined),
    'NAME.gguf: key tokenizer.ggml.tokens: is missing',
  ],
  [
    'types of other tokens',
    () => token('token_type', values.i32s([1, 1])),
    'NAME.gguf: key tokenizer.ggml.token_type: has 2 entries for 5 tokens',
  ],
  [
    'a token twice',
    () => file({ whole: { ...tokenizer, ...tokens('a', 'b', 'c', 'ab', 'a') } }),
    'NAME.gguf: key tokenizer.ggml.tokens: has "a" twice, as 0 and 4',
  ],
  [
    'a merge of unknown tokens',
    () => token('merges', values.strings(['a z'])),
    'NAME.gguf: key tokenizer.ggml.merges: needs the token "z", which is not there',
  ],
  [
    'a merge of one token',
    () => token('merges', values.strings(['ab'])),
    'NAME.gguf: key tokenizer.ggml.merges: has "ab", which is not two tokens',
  ],
  [
    'an end that is no token',
    () => token('eos_token_id', values.u32(77)),
    'NAME.gguf: key tokenizer.ggml.eos_token_id: is 77; there are 5 tokens',
  ],
  [
    'more tokens than the embedding has rows',
    () =>
      file({
        whole: {
          ...tokenizer,
          ...tokens('a', 'b', 'ab', ...Array.from({ length: vocab }, (_, i) => `t${i}`)),
        },
      }),
    'NAME.gguf: key tokenizer.ggml.tokens: has 43 entries for the 40 rows of the embedding',
  ],
];

describe(`a model in GGUF with a wrong tokenizer is refused by name (${cases.length} kinds)`, () => {
  it.each(cases)('%s', async (_, bytes, says) => {
    const from = `${fresh()}.gguf`;
    await writeFile(from, bytes());
    await expectRefusal(from, fresh(), { says, bits: 8 });
  });
});
