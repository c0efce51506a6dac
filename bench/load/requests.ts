// Random requests of the load and the soak. Every order of magnitude of lengths is equally likely, and some clients leave
// early.

export interface ClientRequest {
  path: '/v1/completions' | '/v1/chat/completions';
  /** All fields but the model. */
  body: Record<string, unknown>;
  /** Milliseconds after which the client leaves. Absent if it waits for the whole answer. */
  leaveAfterMs?: number;
}

/** Numbers in [0, 1). */
type Random = () => number;
type Range = readonly [least: number, most: number];

const load = {
  leavingShare: 0.1,
  leaveAfterMs: [5, 3_000],
  answerTokens: [1, 96],
  shortPromptCharacters: [4, 120],
  longPromptCharacters: [400, 1_200],
  longShare: 1 / 8,
} as const;

const soak = {
  leavingShare: 0.15,
  leaveAfterMs: [30, 4_000],
  answerTokens: [4, 256],
  promptTokens: [8, 1_500],
} as const;

/** A request of the load. Its prompt is a piece from anywhere in `prose`. */
export function loadRequest(random: Random, prose: string): ClientRequest {
  const long = random() < load.longShare;
  const length = between(random, long ? load.longPromptCharacters : load.shortPromptCharacters);
  const from = Math.floor(random() * (prose.length - length));
  const text = prose.slice(from, from + length);
  const chat = random() < 0.5;
  const stream = random() < 0.6;
  const body = {
    ...(chat ? { messages: [{ role: 'user', content: text }] } : { prompt: text }),
    max_tokens: between(random, load.answerTokens),
    temperature: random() < 0.5 ? 0 : 0.8,
    seed: Math.floor(random() * 2 ** 31),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
  return { path: chat ? '/v1/chat/completions' : '/v1/completions', body, ...leaving(random, load) };
}

/** A request of the soak. `context` is the largest number of tokens of prompt and answer together. */
export function soakRequest(
  random: Random,
  { vocab, context }: { vocab: number; context: number },
): ClientRequest {
  const max_tokens = Math.min(between(random, soak.answerTokens), context >> 1);
  const length = Math.min(between(random, soak.promptTokens), context - max_tokens);
  const greedy = random() < 0.5;
  const prompt = random() < 0.5 ? ids(random, length, vocab) : words(random, length);
  const stream = random() < 0.7;
  const body = {
    prompt,
    max_tokens,
    ignore_eos: true,
    ...(stream && { stream, stream_options: { include_usage: true } }),
    ...(greedy ? { temperature: 0 } : { temperature: 0.8, top_p: 0.95 }),
    seed: Math.floor(random() * 2 ** 31),
  };
  return { path: '/v1/completions', body, ...leaving(random, soak) };
}

function leaving(
  random: Random,
  { leavingShare, leaveAfterMs }: { leavingShare: number; leaveAfterMs: Range },
): Pick<ClientRequest, 'leaveAfterMs'> {
  return random() < leavingShare ? { leaveAfterMs: between(random, leaveAfterMs) } : {};
}

function between(random: Random, [least, most]: Range): number {
  return Math.floor(least * (most / least) ** random());
}

function ids(random: Random, length: number, vocab: number): number[] {
  return Array.from({ length }, () => Math.floor(random() * vocab));
}

/** Random words of `length` characters in all. They have at most `length` tokens. */
function words(random: Random, length: number): string {
  let text = '';
  while (text.length < length) {
    const letters = Array.from(
      { length: 2 + Math.floor(random() * 7) },
      () => 97 + Math.floor(random() * 26),
    );
    text += `${String.fromCharCode(...letters)} `;
  }
  return text.slice(0, length);
}
