// The ticket of one admitted request: it must end exactly once, whatever becomes of the request.
import type { UsageReport } from '../../../resume/usage-report.ts';
import type { Format } from '../requests/endpoints.ts';

/** How a request has ended, as the edge saw it. */
export interface Outcome {
  /** HTTP status of the answer. 499: the client left. 502: no gateway answered, or a stream was lost. */
  status: number;
  /** The regions that have served the request, in order. */
  regions: readonly string[];
  /** How often its stream was continued. */
  resumes: number;
  /** The last report of a gateway. Undefined if there was none. */
  usage: UsageReport | undefined;
  /** Whether `usage` is final. If not, the gateway is asked. */
  isFinal: boolean;
  /** Origin of the gateway that had the request last. */
  gateway: string | undefined;
}

export interface Ticket {
  /** Notes the first report of a stream: the tokens of its prompt are known. */
  began(usage: UsageReport): void;
  /** Resolves when the usage is written, or when writing it has failed. Calls after the first one have no effect. */
  end(outcome: Outcome): Promise<void>;
  /** Headers about the limits of the key, in the format of the endpoint. */
  headers(format: Format): Record<string, string>;
}

/** A report of nothing: the request has used no tokens. */
export const noUsage: UsageReport = {
  prompt_tokens: 0,
  cached_tokens: null,
  generated_tokens: 0,
  degraded_hops: 0,
};
