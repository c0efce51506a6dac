// Requests of the streams: prompts of held-out prose, each with a seed and a length of its own.
import { heldOutTexts } from '../inputs.ts';

export type CompletionBody = {
  prompt: string;
  max_tokens: number;
  temperature: number;
  seed: number;
};

/** Smallest and largest number of words in a prompt. */
const WORDS = [16, 90] as const;
/** Smallest and largest number of tokens in an answer. */
const TOKENS = [80, 200] as const;

/** `count` different requests. Half of them ask for greedy decoding. */
export async function readRequests(count: number): Promise<CompletionBody[]> {
  const passages = await heldOutTexts();
  return Array.from({ length: count }, (_, i) => {
    const words = (passages[i % passages.length] ?? '').split(' ');
    const round = Math.floor(i / passages.length);
    return {
      prompt: words.slice(3 * round, 3 * round + spread(WORDS, i)).join(' '),
      max_tokens: spread(TOKENS, 3 * i),
      temperature: (i + round) % 2 === 0 ? 0 : 0.8,
      seed: 1_000 + i,
    };
  });
}

/** Spreads the numbers 0, 1, 2, … over the range, so that streams do not end and start together. */
function spread([least, most]: readonly [number, number], i: number): number {
  return least + ((i * 37) % (most - least + 1));
}
