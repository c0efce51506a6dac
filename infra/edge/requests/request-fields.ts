// The fields of a request's body that the edge itself must know. Pure.

export interface RequestFields {
  model?: string;
  /** Most tokens of each answer. Undefined: the request does not say. */
  maxTokens?: number;
  /** Number of answers that are generated. */
  answers: number;
}

/** Gateways refuse requests for more. */
const MOST_ANSWERS = 128;

/** Answers of requests that are no JSON object; their gateway will refuse them. */
const none: RequestFields = { answers: 1 };

export function requestFields(body: Uint8Array | undefined): RequestFields {
  if (body === undefined) return none;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return none;
  }
  if (typeof json !== 'object' || json === null) return none;
  const fields = json as Record<string, unknown>;
  const { model } = fields;
  // All names of the limit in all APIs. The gateway refuses requests that have two different ones.
  const limits = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'].map((name) =>
    count(fields[name]),
  );
  const known = limits.filter((each) => each !== undefined);
  const perPrompt = Math.max(count(fields['n']) ?? 1, count(fields['best_of']) ?? 1);
  return {
    ...(typeof model === 'string' && { model }),
    ...(known.length > 0 && { maxTokens: Math.max(...known) }),
    answers: Math.min(perPrompt * promptsOf(fields['prompt']), MOST_ANSWERS),
  };
}

/** `prompt` is a text, token ids, or a list of either. */
function promptsOf(prompt: unknown): number {
  if (!Array.isArray(prompt) || typeof prompt[0] === 'number') return 1;
  return Math.max(1, prompt.length);
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
