// Writes the choices of /v1/chat/completions: whole messages, and the deltas of a stream.
import type { CommonRequest } from '../../requests/fields/schema-fields.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { AnswerToken } from '../answer-text.ts';
import { canonicalJson } from '../choices/extract.ts';
import { chatLogprobs, withStop } from '../logprobs.ts';
import type { PromptScores } from '../prompt-logprobs.ts';
import { type Wire, wireOf } from '../wire.ts';
import type { MessageEvent, ToolCall, WholeMessage } from './message-events.ts';
import { callIdsOf, collectMessages, messageEvents } from './message-parser.ts';
import type { SectionRules } from './sections.ts';

type FinishEvent = Extract<MessageEvent, { type: 'finish' }>;
type MessagePiece = Exclude<MessageEvent, FinishEvent>;

interface FormatOptions {
  request: Pick<CommonRequest, 'service_tier'>;
  rules: SectionRules;
  tokenizer: Tokenizer;
  logprobs: boolean;
  /** Return the token ids of the answer. */
  ids: boolean;
  /** Returns the scores of the prompt once the answer has ended. Absent: the request asks for no scores. */
  scores?: () => PromptScores | undefined;
}

export function chatWire({ request, rules, tokenizer, logprobs, ids, scores }: FormatOptions): Wire {
  const logprobsOf = (tokens: readonly AnswerToken[]) => {
    return logprobs ? { content: chatLogprobs(tokens, tokenizer), refusal: null } : null;
  };
  const idsOf = (tokens: readonly AnswerToken[]) => {
    return ids ? { token_ids: tokens.map(({ id }) => id) } : {};
  };
  return wireOf({
    idPrefix: 'chatcmpl-',
    // The server has only one tier. The answer names it if the request names a tier.
    ...(typeof request.service_tier === 'string' && { head: { service_tier: 'default' } }),
    ...(scores && { tail: () => ({ prompt_logprobs: scores() ?? null }) }),
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    read: (events, { id }) => messageEvents(events, { ...rules, callId: callIdsOf(id) }),
    collect: (events: AsyncIterable<MessageEvent>, ended) => collectMessages(events, ended),
    voted: ({ content, calls }) => (calls.length > 0 ? calls.map(writtenCall).join('\n') : content),
    opening: (index) => ({
      index,
      delta: { role: 'assistant', content: '', refusal: null },
      logprobs: null,
      finish_reason: null,
    }),
    whole: ({ index, tokens, reason, stop, ...message }: WholeMessage) => ({
      index,
      message: wholeMessage(message),
      logprobs: logprobsOf(withStop(tokens, stop)),
      finish_reason: reason,
      ...idsOf(withStop(tokens, stop)),
    }),
    piece: (event: MessagePiece) => ({
      index: event.index,
      delta: deltaOf(event),
      logprobs: logprobsOf(event.tokens),
      finish_reason: null,
      ...idsOf(event.tokens),
    }),
    finish: ({ index, reason, stop }: FinishEvent) => ({
      index,
      delta: {},
      logprobs: stop === undefined ? null : logprobsOf([stop]),
      finish_reason: reason,
      ...idsOf(withStop([], stop)),
    }),
  });
}

type MessageText = Pick<WholeMessage, 'reasoning' | 'content' | 'calls'>;

function wholeMessage({ reasoning, content, calls }: MessageText): object {
  return {
    role: 'assistant',
    content: calls.length > 0 && content === '' ? null : content,
    refusal: null,
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls.map(toolCall) }),
  };
}

/** The call in a form in which equal calls are equal texts. Arguments that are not JSON, because the answer was cut off, are a text. */
function writtenCall({ name, arguments: text }: ToolCall): string {
  return `{"name":${JSON.stringify(name)},"arguments":${canonicalJson(text) ?? JSON.stringify(text)}}`;
}

function toolCall({ id, name, arguments: text }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: text } };
}

/** A delta with an id starts a call. Clients append to it the arguments of later deltas with the same index. */
function deltaOf(piece: MessagePiece): object {
  switch (piece.type) {
    case 'content':
      return { content: piece.text };
    case 'reasoning':
      return { reasoning_content: piece.text };
    case 'call':
      return { tool_calls: [{ index: piece.call, ...toolCall({ ...piece, arguments: '' }) }] };
    case 'arguments':
      return { tool_calls: [{ index: piece.call, function: { arguments: piece.text } }] };
  }
}
