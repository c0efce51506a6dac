// The events of an assistant's message: the interface between the parser of generated text and the formats of the chat endpoints.
//
// Worked example, a call of one tool after a word of text:
//   content "Let me look." → call 0 call_9f… "weather" → arguments 0 '{"city":' → arguments 0 '"Bonn"}' → finish "tool_calls"
import type { FinishReason } from '../../../engine/messages.ts';
import type { ChoiceUsage } from '../answer.ts';
import type { AnswerToken } from '../answer-text.ts';

export type MessageFinish = FinishReason | 'tool_calls';

/** An event of the choice `index`, which ends in exactly one finish. `tokens` are those whose text is now released. */
export type MessageEvent =
  | { type: 'reasoning' | 'content'; index: number; text: string; tokens: AnswerToken[] }
  /** Begins the call with the number `call` (from 0). Calls come one after another. */
  | { type: 'call'; index: number; call: number; id: string; name: string; tokens: AnswerToken[] }
  /** A piece of the arguments, which are JSON text that is complete only with the last piece. */
  | { type: 'arguments'; index: number; call: number; text: string; tokens: AnswerToken[] }
  | {
      type: 'finish';
      index: number;
      reason: MessageFinish;
      /** The stop id that ended the answer, if one did. It has no text. */
      stop?: AnswerToken;
      /** The request's stop string that ended the answer, if one did. */
      stopString?: string;
      usage: ChoiceUsage;
    };

export interface ToolCall {
  id: string;
  name: string;
  /** JSON text. */
  arguments: string;
}

/** All events of a choice together. */
export interface WholeMessage {
  index: number;
  /** Undefined if the model did not think. */
  reasoning?: string;
  content: string;
  calls: ToolCall[];
  /** All tokens, in order. */
  tokens: AnswerToken[];
  reason: MessageFinish;
  stop?: AnswerToken;
  stopString?: string;
  usage: ChoiceUsage;
}
