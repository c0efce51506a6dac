// The requests of the streams: unseen passages, greedy and sampled, each with its own seed and length.
import { readFile } from 'node:fs/promises';

export type CompletionBody = {
  prompt: string;
  max_tokens: number;
  temperature: number;
  seed: number;
};

/** Words of a passage that a prompt has, at least and at most. */
const WORDS = [16, 90] as const;
const TOKENS = [80, 200] as const;

/** `count` requests, every other one greedy; all of them different. */
export async function readRequests(count: number): Promise<CompletionBody[]> {
  const text = await readFile(new URL('../held-out.json', import.meta.url), 'utf8');
  const passages = (JSON.parse(text) as { text: string }[]).map((passage) => passage.text);
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

/** A number of the range, another one for each `i`: streams that end together would start together ever after. */
function spread([least, most]: readonly [number, number], i: number): number {
  return least + ((i * 37) % (most - least + 1));
}
