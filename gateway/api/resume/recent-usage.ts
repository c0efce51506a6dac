// Remembers the usage of the last requests of trusted callers, for a caller that could not wait for the end of an answer.
import type { Context } from 'hono';
import type { UsageReport } from '../../../resume/usage-report.ts';
import { ApiError } from '../errors.ts';
import type { RecordEnv, RequestRecord } from '../telemetry/request-record.ts';

/** Number of requests that are remembered, each with about 200 bytes. */
const MOST_REQUESTS = 20_000;

export class RecentUsage {
  readonly #most: number;
  /** By the `id` of the claim `answer`, oldest first. */
  readonly #reports = new Map<string, UsageReport>();

  constructor(most = MOST_REQUESTS) {
    this.#most = most;
  }

  /** Called when the request has ended. A request that was repeated here replaces its earlier try. */
  add({ caller, usage }: Pick<RequestRecord, 'caller' | 'usage'>): void {
    const id = caller?.claims.answer?.id;
    if (id === undefined) return;
    this.#reports.delete(id);
    this.#reports.set(id, usage);
    if (this.#reports.size <= this.#most) return;
    const [oldest] = this.#reports.keys();
    if (oldest !== undefined) this.#reports.delete(oldest);
  }

  get(id: string): UsageReport | undefined {
    return this.#reports.get(id);
  }
}

/** GET /v1/usage/{id}: the usage of a request that has ended here. Only for trusted callers. */
export function showUsage(c: Context<RecordEnv>, { recentUsage }: { recentUsage: RecentUsage }): Response {
  if (c.get('record').caller === undefined) {
    const message = 'Only signed requests may ask for the usage of a request.';
    throw new ApiError({ status: 403, message, code: 'insufficient_permissions' });
  }
  const report = recentUsage.get(c.req.param('id') ?? '');
  if (report !== undefined) return c.json(report);
  const message =
    'No request with this answer id has ended here lately. It may still run, or another gateway had it.';
  throw new ApiError({ status: 404, message, code: 'usage_not_found' });
}
