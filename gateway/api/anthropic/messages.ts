// Translates the turns of an Anthropic request to the messages of a chat. Each result of a tool becomes a separate message.
import type { ChatMessage } from '../requests/fields/message-schema.ts';
import type { FieldNames } from '../requests/renamed-fields.ts';
import type { AssistantMessage, Message, ResultBlock, SystemMessage, UserMessage } from './blocks.ts';
import type { CountRequest } from './schema.ts';

type Named = readonly [inner: string, outer: string];
type Blocks<Turn extends { content?: unknown }> = Extract<Turn['content'], readonly unknown[]>;
type ToolResult = Extract<Blocks<UserMessage>[number], { type: 'tool_result' }>;
type AssistantBlock = Blocks<AssistantMessage>[number];
type Call = Extract<AssistantBlock, { type: 'tool_use' | 'server_tool_use' | 'mcp_tool_use' }>;
type ServerResult = Extract<AssistantBlock, { type: `${string}_tool_result` }>;

/** A message of the chat, and the path in the request from which it comes. */
interface Placed {
  message: ChatMessage;
  outer: string;
  /** Path of the message's content in the request. Default: `${outer}.content`. */
  content?: string;
  /** Paths of the message's calls in the request. */
  calls?: readonly string[];
}

export function chatMessages({ system, messages: turns }: Pick<CountRequest, 'system' | 'messages'>): {
  messages: ChatMessage[];
  /** For errors: the path in the request of each part of the messages. */
  names: FieldNames;
} {
  const messages: ChatMessage[] = [];
  const names: Named[] = [];
  const ofSystem = typeof system === 'string' ? system : textOf(system ?? []);
  const placed: Placed[] = [
    ...(ofSystem === ''
      ? []
      : [{ message: { role: 'system', content: ofSystem } as const, outer: 'system', content: 'system' }]),
    ...turns.flatMap((turn, i) => placedTurn(turn, `messages[${i}]`, turns.slice(i + 1))),
  ];
  for (const next of placed) {
    const joined = joinedTurn(messages.at(-1), next.message);
    if (joined !== undefined) {
      messages[messages.length - 1] = joined;
      continue;
    }
    names.push(...namesOf(next, `messages[${messages.length}]`));
    messages.push(next.message);
  }
  return { messages, names };
}

function namesOf({ outer, content = `${outer}.content`, calls = [] }: Placed, at: string): Named[] {
  return [
    [at, outer],
    [`${at}.content`, content],
    [`${at}.tool_call_id`, `${outer}.tool_use_id`],
    ...calls.flatMap((call, k): Named[] => [
      [`${at}.tool_calls[${k}]`, call],
      [`${at}.tool_calls[${k}].function`, call],
      [`${at}.tool_calls[${k}].function.arguments`, `${call}.input`],
    ]),
  ];
}

function placedTurn(turn: Message, outer: string, later: readonly Message[]): Placed[] {
  if (turn.role === 'system') return systemTurn(turn, outer, later);
  if (typeof turn.content === 'string')
    return [{ message: { role: turn.role, content: turn.content }, outer }];
  return turn.role === 'assistant' ? assistantTurn(turn.content, outer) : userTurn(turn.content, outer);
}

/** Skips blocks that add or remove tools, because offered-tools.ts applies them. */
function systemTurn(
  { content, clear_at }: SystemMessage,
  outer: string,
  later: readonly Message[],
): Placed[] {
  if (clear_at === 'next_user_message' && later.some(({ role }) => role === 'user')) return [];
  const texts = typeof content === 'string' ? [{ text: content }] : (content ?? []);
  const text = textOf(texts.filter((block) => 'text' in block));
  return text === '' ? [] : [{ message: { role: 'system', content: text }, outer }];
}

/** The results come before the text of the turn, because a chat expects them directly after the calls. */
function userTurn(blocks: Blocks<UserMessage>, outer: string): Placed[] {
  const results = blocks.flatMap((block, j): Placed[] => {
    return block.type === 'tool_result'
      ? [{ message: toolMessage(block), outer: `${outer}.content[${j}]` }]
      : [];
  });
  const texts = blocks.filter((block) => block.type !== 'tool_result');
  if (texts.length === 0) return results;
  return [...results, { message: { role: 'user', content: shownText(texts) }, outer }];
}

/**
 * The results of tools that another server ran are inside the assistant's turn. Each result splits the turn, so that the blocks
 * before and after the result become separate messages.
 */
function assistantTurn(blocks: Blocks<AssistantMessage>, outer: string): Placed[] {
  const placed: Placed[] = [];
  let open: AssistantBlock[] = [];
  let calls: string[] = [];
  const close = () => {
    const message = assistantMessage(open);
    if (open.length > 0 || placed.length === 0) placed.push({ message, outer, calls });
    [open, calls] = [[], []];
  };
  for (const [j, block] of blocks.entries()) {
    const at = `${outer}.content[${j}]`;
    if (isResult(block)) {
      close();
      placed.push({ message: serverResult(block), outer: at });
      continue;
    }
    open.push(block);
    if (isCall(block)) calls.push(at);
  }
  close();
  return placed;
}

/** Joins two plain texts of the same role, because templates may require that roles alternate. Undefined for other messages. */
function joinedTurn(last: ChatMessage | undefined, next: ChatMessage): ChatMessage | undefined {
  if (last === undefined || last.role !== next.role || !isText(last) || !isText(next)) return undefined;
  return { ...next, content: `${last.content}\n${next.content}` };
}

function isText({ role: _, content, ...more }: ChatMessage): boolean {
  return typeof content === 'string' && Object.keys(more).length === 0;
}

function isCall(block: AssistantBlock): block is Call {
  return block.type === 'tool_use' || block.type === 'server_tool_use' || block.type === 'mcp_tool_use';
}

function isResult(block: AssistantBlock): block is ServerResult {
  return block.type.endsWith('_tool_result');
}

function textOf(blocks: readonly { text: string }[]): string {
  return blocks.map(({ text }) => text).join('\n');
}

function shownText(blocks: readonly ResultBlock[]): string {
  return blocks.map(shownBlock).join('\n');
}

/** The text that the model gets for a block. Documents and search results begin with their titles. */
function shownBlock(block: ResultBlock): string {
  const lines = (...texts: (string | null | undefined)[]) => texts.filter((text) => text).join('\n');
  switch (block.type) {
    case 'text':
      return block.text;
    case 'tool_reference':
      return block.tool_name;
    case 'search_result':
      return lines(block.title, block.source, textOf(block.content));
    case 'document': {
      const { source, title, context } = block;
      if (source.type === 'text') return lines(title, context, source.data);
      const { content } = source;
      return lines(title, context, typeof content === 'string' ? content : textOf(content));
    }
  }
}

function toolMessage({ tool_use_id, content, is_error }: ToolResult): ChatMessage {
  const text = typeof content === 'string' ? content : shownText(content ?? []);
  return resultMessage(tool_use_id, text, is_error);
}

/** A result that is not a text is written as JSON, without its encrypted parts. */
function serverResult({ tool_use_id, content, is_error }: ServerResult): ChatMessage {
  const readable = (key: string, value: unknown) => (key.startsWith('encrypted_') ? undefined : value);
  const text = typeof content === 'string' ? content : JSON.stringify(content ?? null, readable);
  return resultMessage(tool_use_id, text, is_error);
}

function resultMessage(id: string, text: string, isError: boolean | null | undefined): ChatMessage {
  // The tool messages of a chat have no field that marks an error.
  return { role: 'tool', tool_call_id: id, content: isError === true ? `Error: ${text}` : text };
}

function assistantMessage(blocks: readonly AssistantBlock[]): ChatMessage {
  const thoughts = blocks.filter((block) => block.type === 'thinking').map(({ thinking }) => thinking);
  const calls = blocks.filter(isCall);
  const texts = blocks.flatMap((block) => {
    if (block.type === 'text') return [block.text];
    return block.type === 'compaction' && typeof block.content === 'string' ? [block.content] : [];
  });
  return {
    role: 'assistant',
    content: texts.join('\n'),
    ...(thoughts.some((thought) => thought !== '') && { reasoning_content: thoughts.join('\n') }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => {
        return { id, type: 'function' as const, function: { name, arguments: JSON.stringify(input ?? {}) } };
      }),
    }),
  };
}
