// Requests of every kind for the streams over several gateways: texts, chats, tools, schemas, thinking, Responses and Messages.
import { requests } from '../../test/support/resume/room.ts';

export interface Kind {
  name: string;
  path: string;
  body: Record<string, unknown>;
  streamed: boolean;
}

/** Tokens of an answer, so that it lasts for a second or two. */
const TOKENS = 220;

/** Each kind streamed and not. Every answer is greedy or seeded, so that it can be repeated. */
export function everyKind(model: string): Kind[] {
  return requests.flatMap(({ name, path, body }) => {
    const whole: Record<string, unknown> = {
      ...body,
      model,
      ...lengthOf(path, body),
      ...fixed(path, body),
      ...thinking(path, body),
    };
    const { stream_options: _, ...unstreamed } = whole;
    const both = [
      { name, path, body: { ...whole, stream: true }, streamed: true },
      { name, path, body: unstreamed, streamed: false },
    ];
    if (name !== 'three choices') return both;
    return [
      ...both,
      { name: 'the best of three', path, body: { ...unstreamed, n: 1, best_of: 3 }, streamed: false },
    ];
  });
}

/** The Responses and the Messages API have no seed. */
function fixed(path: string, { seed = 7 }: Record<string, unknown>): Record<string, unknown> {
  return path === '/v1/responses' || path === '/v1/messages' ? { temperature: 0 } : { seed };
}

/** Answers with a schema or a call end by themselves. */
function lengthOf(path: string, { tools, response_format: form }: Record<string, unknown>): object {
  if (tools !== undefined || form !== undefined) return {};
  return { [path === '/v1/responses' ? 'max_output_tokens' : 'max_tokens']: TOKENS };
}

/** The served model thinks only if a request asks for it. */
function thinking(path: string, { model }: Record<string, unknown>): object {
  if (model !== 'thinker') return {};
  return path === '/v1/responses'
    ? { reasoning: { effort: 'low' } }
    : { chat_template_kwargs: { enable_thinking: true } };
}
