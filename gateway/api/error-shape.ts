// Whose shape an error has, OpenAI's or Anthropic's: the path says it, and the caller where a path belongs to both. Pure.
import { operations } from './endpoints/openapi/operations.ts';

/** First names of paths whose errors have one shape; of all others the caller's header decides. */
const anthropicOf = new Map(
  operations.flatMap(({ path, errors = ['Error'] }) => {
    return errors.length === 1 ? [[firstName(path), errors[0] === 'AnthropicError'] as const] : [];
  }),
);

/** Whether a caller expects Anthropic's shape, whatever goes wrong. Its clients send the header `anthropic-version`. */
export function speaksAnthropic({ path, version }: { path: string; version: string | undefined }): boolean {
  return anthropicOf.get(firstName(path)) ?? version !== undefined;
}

function firstName(path: string): string {
  return path.replace(/^\/v1(?=\/)/, '').split('/')[1] ?? '';
}
