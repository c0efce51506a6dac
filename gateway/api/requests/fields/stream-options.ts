// What may be asked of a stream, and of nothing else. Pure.
import { badRequest } from '../../errors.ts';
import type { CommonRequest } from './schema-fields.ts';

export function refuseStreamOptions({ stream, stream_options: options }: CommonRequest): void {
  const code = 'invalid_parameter_combination';
  const asks = options?.include_usage === true || options?.continuous_usage_stats === true;
  if (stream !== true && asks) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw badRequest(message, { param: 'stream_options', code });
  }
}

/** Whether a stream ends with the usage, and whether each chunk tells what it is so far. */
export function streamedUsage({ stream_options: options, usage }: CommonRequest) {
  const includeUsage = options?.include_usage === true || usage?.include === true;
  return { includeUsage, continuous: includeUsage && options?.continuous_usage_stats === true };
}

const continuous = 'stream_options.continuous_usage_stats';

/** Alone it asks for nothing, as vLLM has it. */
export function idleStreamOptions(request: CommonRequest): string[] {
  const asked = request.stream_options?.continuous_usage_stats === true;
  return asked && !streamedUsage(request).includeUsage ? [continuous] : [];
}

/** Every name that `idleStreamOptions` may give. */
export const namesOfIdleStreamOptions: readonly string[] = [continuous];
