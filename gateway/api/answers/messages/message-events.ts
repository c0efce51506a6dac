// What an assistant's message is made of, piece by piece: the seam between the parser of generated text and the wire
// formats of the chat endpoints. Knows neither.
//
// Worked example, a call of one tool after a word of text:
//   content "Let me look." → call 0 call_9f… "weather" → arguments 0 '{"city":' → arguments 0 '"Bonn"}' → finish "tool_calls"
import type { FinishReason } from '../../../engine/messages.ts';
import type { ChoiceUsage } from '../answer.ts';
import type { AnswerToken } from '../answer-text.ts';

export type MessageFinish = FinishReason | 'tool_calls';

/** Of one choice; `index` is its place among the request's. Ends in exactly one finish. `tokens` are those whose text is now out. */
export type MessageEvent =
  | { type: 'reasoning' | 'content'; index: number; text: string; tokens: AnswerToken[] }
  /** The call with the number `call` (from 0) begins; calls come one after another. */
  | { type: 'call'; index: number; call: number; id: string; name: string; tokens: AnswerToken[] }
  /** A piece of its arguments: JSON text, whole only with the call's last piece. */
  | { type: 'arguments'; index: number; call: number; text: string; tokens: AnswerToken[] }
  | {
      type: 'finish';
      index: number;
      reason: MessageFinish;
      /** The stop id that ended the answer, if one did. It has no text. */
      stop?: AnswerToken;
      /** The caller's stop string that ended it, where one did. */
      stopString?: string;
      usage: ChoiceUsage;
    };

export interface ToolCall {
  id: string;
  name: string;
  /** JSON text. */
  arguments: string;
}

/** A choice's events put together. */
export interface WholeMessage {
  index: number;
  /** Undefined where the model does not think, or was not to. */
  reasoning?: string;
  content: string;
  calls: ToolCall[];
  /** Of all of it, in order. */
  tokens: AnswerToken[];
  reason: MessageFinish;
  stop?: AnswerToken;
  stopString?: string;
  usage: ChoiceUsage;
}
