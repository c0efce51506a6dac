// Streams one answer piece by piece, and summarizes it afterwards. Knows no terminal.
import type { AnswerPiece, ChatClient, ChatRequest } from './client.ts';
import { PlainText } from './plain-text.ts';

export interface AnswerSummary {
  /** The answer without its reasoning. */
  text: string;
  tokens: number;
  degradedHops: number;
  /** Undefined: the user stopped it. */
  reason: string | undefined;
  /** Milliseconds from the request to the first and the last piece; undefined: no piece came. */
  firstMs: number | undefined;
  lastMs: number;
}

export interface AnswerOptions {
  client: Pick<ChatClient, 'answer'>;
  request: ChatRequest;
  signal: AbortSignal;
  /** Text that is safe to print. */
  onText: (text: string, kind: 'reasoning' | 'content') => void;
}

/** Throws a ChatError if the answer is not complete. If `signal` ends it, the part that came is returned. */
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
  for await (const piece of client.answer(request, signal)) note(piece);
  return summary;

  function note(piece: AnswerPiece): void {
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
}

/** `42 tokens, 35.1 tokens/s, first after 120 ms` */
export function summaryLine({ tokens, degradedHops, reason, firstMs, lastMs }: AnswerSummary): string {
  const words = [`${tokens} ${tokens === 1 ? 'token' : 'tokens'}`];
  // The time of the first token is that of the prompt, so the rate counts only the tokens after it.
  if (firstMs !== undefined && tokens > 1 && lastMs > firstMs) {
    words.push(`${((1000 * (tokens - 1)) / (lastMs - firstMs)).toFixed(1)} tokens/s`);
  }
  if (firstMs !== undefined) words.push(`first after ${Math.round(firstMs)} ms`);
  if (degradedHops > 0) words.push(`${degradedHops} calls answered by a replacement of an expert`);
  if (reason === undefined) words.push('stopped');
  else if (reason === 'length') words.push('cut at --max-tokens or the end of the context');
  else if (reason !== 'stop') words.push(reason);
  return words.join(', ');
}
