// How a gateway tells a trusted caller which tokens its request has used: docs/resume.md. Uses no API of Node or Workers.

/** Header of answers that are not streams: the report as JSON. */
export const USAGE_HEADER = 'x-expertgrid-usage';

/** Line of a stream: the report as JSON. One stands before the first event, and one before the last. */
export const USAGE_LINE = ':u ';

/** The tokens of a whole answer: if several gateways have generated a stream, of all parts so far. */
export interface UsageReport {
  prompt_tokens: number;
  /** Prompt tokens that were found in the cache. Null if the engine has not reported them. */
  cached_tokens: number | null;
  generated_tokens: number;
  /** Number of experts' answers that were replaced. */
  degraded_hops: number;
}

/** Undefined if the text is not a report. */
export function readUsageReport(text: string): UsageReport | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { prompt_tokens, cached_tokens, generated_tokens, degraded_hops } = json as Record<string, unknown>;
  if (!isCount(prompt_tokens) || !isCount(generated_tokens) || !isCount(degraded_hops)) return undefined;
  if (cached_tokens !== null && !isCount(cached_tokens)) return undefined;
  return { prompt_tokens, cached_tokens, generated_tokens, degraded_hops };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
