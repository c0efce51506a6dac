// From the turns of an Anthropic request to the messages of a chat: results of tools become messages of their own. Pure; knows
// no engine.
import { badRequest } from '../errors.ts';
import type { ChatMessage } from '../message-schema.ts';
import type { FieldNames } from '../renamed-fields.ts';
import type { AssistantMessage, UserMessage } from './blocks.ts';
import type { CountRequest } from './schema.ts';

type Named = readonly [inner: string, outer: string];
type Blocks<Turn extends { content: unknown }> = Exclude<Turn['content'], string>;
type ToolResult = Extract<Blocks<UserMessage>[number], { type: 'tool_result' }>;

export function chatMessages({ system, messages: turns }: Pick<CountRequest, 'system' | 'messages'>): {
  messages: ChatMessage[];
  /** Where each part of the messages stands in the request. */
  names: FieldNames;
} {
  refusePrefill(turns);
  const messages: ChatMessage[] = [];
  const names: Named[] = [];
  const add = (message: ChatMessage, outer: string, content = `${outer}.content`) => {
    const joined = joinedTurn(messages.at(-1), message);
    if (joined !== undefined) {
      messages[messages.length - 1] = joined;
      return;
    }
    const at = `messages[${messages.length}]`;
    names.push([at, outer], [`${at}.content`, content], [`${at}.tool_call_id`, `${outer}.tool_use_id`]);
    messages.push(message);
  };
  const ofSystem = typeof system === 'string' ? system : textOf(system ?? []);
  if (ofSystem !== '') add({ role: 'system', content: ofSystem }, 'system', 'system');
  for (const [i, turn] of turns.entries()) {
    const outer = `messages[${i}]`;
    if (typeof turn.content === 'string') add({ role: turn.role, content: turn.content }, outer);
    else if (turn.role === 'assistant') add(assistantMessage(turn.content), outer);
    else {
      // Results answer the calls before them, and come first wherever they stand.
      for (const [j, block] of turn.content.entries()) {
        if (block.type === 'tool_result') add(toolMessage(block), `${outer}.content[${j}]`);
      }
      const text = turn.content.filter((block) => block.type === 'text');
      if (text.length > 0) add({ role: 'user', content: textOf(text) }, outer);
    }
  }
  return { messages, names: [...names, ...callNames(turns, names)] };
}

/** Texts of one role that follow one another are one turn: templates may insist that turns alternate. */
function joinedTurn(last: ChatMessage | undefined, next: ChatMessage): ChatMessage | undefined {
  if (last === undefined || last.role !== next.role || !isText(last) || !isText(next)) return undefined;
  return { ...next, content: `${last.content}\n${next.content}` };
}

function isText({ role: _, content, ...more }: ChatMessage): boolean {
  return typeof content === 'string' && Object.keys(more).length === 0;
}

/** Some of Anthropic's models go on with a turn of the assistant that is begun for them. */
function refusePrefill(turns: CountRequest['messages']): void {
  if (turns.at(-1)?.role !== 'assistant') return;
  const param = `messages[${turns.length - 1}].role`;
  const message = `Invalid '${param}': this server does not go on with a message of the assistant. The conversation must end with a user message.`;
  throw badRequest(message, { param, code: 'unsupported_value' });
}

function textOf(blocks: readonly { text: string }[]): string {
  return blocks.map(({ text }) => text).join('\n');
}

function toolMessage({ tool_use_id, content, is_error }: ToolResult): ChatMessage {
  const text = typeof content === 'string' ? content : textOf(content ?? []);
  // A chat's tool message has no mark for it.
  return { role: 'tool', tool_call_id: tool_use_id, content: is_error === true ? `Error: ${text}` : text };
}

function assistantMessage(blocks: Blocks<AssistantMessage>): ChatMessage {
  const thoughts = blocks.filter((block) => block.type === 'thinking');
  const calls = blocks.filter((block) => block.type === 'tool_use');
  return {
    role: 'assistant',
    content: textOf(blocks.filter((block) => block.type === 'text')),
    ...(thoughts.length > 0 && {
      reasoning_content: thoughts.map(({ thinking }) => thinking).join('\n'),
    }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => {
        return { id, type: 'function' as const, function: { name, arguments: JSON.stringify(input) } };
      }),
    }),
  };
}

/** A call's place among its message's blocks. */
function callNames(turns: CountRequest['messages'], names: readonly Named[]): Named[] {
  const inners = new Map(names.toReversed().map(([inner, outer]) => [outer, inner] as const));
  return turns.flatMap(({ role, content }, i) => {
    if (role !== 'assistant' || typeof content === 'string') return [];
    const outer = `messages[${i}]`;
    const inner = inners.get(outer);
    const places = [...content.keys()].filter((j) => content[j]?.type === 'tool_use');
    return places.flatMap((j, k): Named[] => [
      [`${inner}.tool_calls[${k}]`, `${outer}.content[${j}]`],
      [`${inner}.tool_calls[${k}].function`, `${outer}.content[${j}]`],
      [`${inner}.tool_calls[${k}].function.arguments`, `${outer}.content[${j}].input`],
    ]);
  });
}
