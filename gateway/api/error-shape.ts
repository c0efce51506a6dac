// Decides whether an error has OpenAI's or Anthropic's shape: by its path, or by the client's header if both APIs have the path.
import { operations } from './endpoints/openapi/operations.ts';

/** First segments of paths whose errors have only one shape. For all others the client's header decides. */
const anthropicOf = new Map(
  operations.flatMap(({ path, errors = ['Error'] }) => {
    return errors.length === 1 ? [[firstName(path), errors[0] === 'AnthropicError'] as const] : [];
  }),
);

/** Whether the client expects Anthropic's shape. Anthropic's clients send the header `anthropic-version`. */
export function speaksAnthropic({ path, version }: { path: string; version: string | undefined }): boolean {
  return anthropicOf.get(firstName(path)) ?? version !== undefined;
}

function firstName(path: string): string {
  return path.replace(/^\/v1(?=\/)/, '').split('/')[1] ?? '';
}
