// What may be asked of a stream, and of nothing else. Pure.
import { badRequest } from './errors.ts';
import type { CommonRequest } from './schema-fields.ts';

export function refuseStreamOptions({ stream, stream_options: options }: CommonRequest): void {
  const code = 'invalid_parameter_combination';
  const asks = options?.include_usage === true || options?.continuous_usage_stats === true;
  if (stream !== true && asks) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw badRequest(message, { param: 'stream_options', code });
  }
}

const continuous = 'stream_options.continuous_usage_stats';

/** Alone it asks for nothing, as vLLM has it. */
export function idleStreamOptions({ stream_options: options }: CommonRequest): string[] {
  return options?.continuous_usage_stats === true && options.include_usage !== true ? [continuous] : [];
}

/** Every name that `idleStreamOptions` may give. */
export const namesOfIdleStreamOptions: readonly string[] = [continuous];
