// The usage of one request, which an operator bills.

export interface UsageRow {
  /** Unique; drawn by the edge. Gateways know it as the `id` of the claim `answer`. */
  id: string;
  /** `x-request-id`, which a client may choose and repeat. */
  request: string;
  /** Name of the key. */
  key: string;
  /** As the request names it. */
  model: string | null;
  endpoint: string;
  /** The regions that have served it, in order, separated by commas. */
  regions: string;
  prompt_tokens: number;
  /** Prompt tokens that were found in the cache. Null if unknown. */
  cached_tokens: number | null;
  generated_tokens: number;
  /** Number of experts' answers that were replaced. */
  degraded_hops: number;
  /** How often its stream was continued at another gateway. */
  resumes: number;
  /** HTTP status of the answer. 499: the client left. 502: the stream was lost. */
  status: number;
  /** 1 if no gateway has told the tokens: then they are those that had arrived, or else the most that the request may have used. */
  estimated: 0 | 1;
  /** Unix milliseconds. */
  began: number;
  ended: number;
}
