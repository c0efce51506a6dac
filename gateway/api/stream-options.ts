// What may be asked of a stream, and of nothing else. Pure.
import { badRequest } from './errors.ts';
import type { CommonRequest } from './schema-fields.ts';

export function refuseStreamOptions({ stream, stream_options: options }: CommonRequest): void {
  const code = 'invalid_parameter_combination';
  if (stream !== true && options) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw badRequest(message, { param: 'stream_options', code });
  }
  if (options?.continuous_usage_stats === true && options.include_usage !== true) {
    const message =
      "'stream_options.continuous_usage_stats' is only allowed with 'stream_options.include_usage'.";
    throw badRequest(message, { param: 'stream_options.continuous_usage_stats', code });
  }
}
