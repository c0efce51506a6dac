// Checks `stream_options`, and finds which chunks of a stream contain the usage.
import { badRequest } from '../../errors.ts';
import type { CommonRequest } from './schema-fields.ts';

/** Throws a 400 if an option that needs `stream` is set without it. */
export function refuseStreamOptions({ stream, stream_options: options }: CommonRequest): void {
  const asks = options?.include_usage === true || options?.continuous_usage_stats === true;
  if (stream === true || !asks) return;
  const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
  throw badRequest(message, { param: 'stream_options', code: 'invalid_parameter_combination' });
}

/** `includeUsage`: the stream ends with the usage. `continuous`: each chunk also has the usage so far. */
export function streamedUsage({ stream_options: options, usage }: CommonRequest) {
  const includeUsage = options?.include_usage === true || usage?.include === true;
  return { includeUsage, continuous: includeUsage && options?.continuous_usage_stats === true };
}

const continuous = 'stream_options.continuous_usage_stats';

/** Names of options without effect. As in vLLM, `continuous_usage_stats` has no effect without `include_usage`. */
export function idleStreamOptions(request: CommonRequest): string[] {
  const asked = request.stream_options?.continuous_usage_stats === true;
  return asked && !streamedUsage(request).includeUsage ? [continuous] : [];
}

/** Every name that `idleStreamOptions` may return. */
export const namesOfIdleStreamOptions: readonly string[] = [continuous];
