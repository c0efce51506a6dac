// Streams one answer piece by piece, and summarizes the answer at its end.
import type { ChatClient, ChatRequest } from './client.ts';
import { PlainText } from './plain-text.ts';

export interface AnswerSummary {
  /** The answer without its reasoning. */
  text: string;
  tokens: number;
  /** Number of pairs of a row and a layer in which a rung of the degradation ladder replaced an expert, summed over the rungs. */
  degradedHops: number;
  /** The API's `finish_reason`. Undefined: the user stopped the answer. */
  reason: string | undefined;
  /** Time from the request to the first piece. Undefined: no piece has arrived. */
  firstMs: number | undefined;
  /** Time from the request to the last piece. */
  lastMs: number;
}

interface AnswerOptions {
  client: Pick<ChatClient, 'answer'>;
  request: ChatRequest;
  signal: AbortSignal;
  /** Called with text that is safe to print on a terminal. */
  onText: (text: string, kind: 'reasoning' | 'content') => void;
}

/** Throws a ChatError if the answer is not complete. If `signal` stops it, returns the part that has arrived. */
export async function streamAnswer({
  client,
  request,
  signal,
  onText,
}: AnswerOptions): Promise<AnswerSummary> {
  const startedAt = performance.now();
  const plain = { reasoning: new PlainText(), content: new PlainText() };
  const summary: AnswerSummary = {
    text: '',
    tokens: 0,
    degradedHops: 0,
    reason: undefined,
    firstMs: undefined,
    lastMs: 0,
  };
  for await (const piece of client.answer(request, signal)) {
    if (piece.type === 'finish') summary.reason = piece.reason;
    else if (piece.type === 'usage') {
      summary.tokens = piece.tokens;
      summary.degradedHops = piece.degradedHops;
    } else {
      summary.lastMs = performance.now() - startedAt;
      summary.firstMs ??= summary.lastMs;
      if (piece.type === 'content') summary.text += piece.text;
      onText(plain[piece.type].push(piece.text), piece.type);
    }
  }
  return summary;
}

/** Example: `42 tokens, 35.1 tokens/s, first after 120 ms`. */
export function summaryLine({ tokens, degradedHops, reason, firstMs, lastMs }: AnswerSummary): string {
  const words = [`${tokens} ${tokens === 1 ? 'token' : 'tokens'}`];
  // The prompt is computed before the first token, so the rate counts only the tokens after the first.
  if (firstMs !== undefined && tokens > 1 && lastMs > firstMs) {
    words.push(`${((1000 * (tokens - 1)) / (lastMs - firstMs)).toFixed(1)} tokens/s`);
  }
  if (firstMs !== undefined) words.push(`first after ${Math.round(firstMs)} ms`);
  if (degradedHops > 0) words.push(`${degradedHops} experts replaced by a substitute`);
  if (reason === undefined) words.push('stopped');
  else if (reason === 'length') words.push('cut at --max-tokens or the end of the context');
  else if (reason !== 'stop') words.push(reason);
  return words.join(', ');
}
