// The events of an assistant's message. The parser of generated text makes them, and the chat endpoints write them.
//
// Worked example: a text and then one tool call.
//   content "Let me look." → call 0 call_9f… "weather" → arguments 0 '{"city":' → arguments 0 '"Bonn"}' → finish "tool_calls"
import type { FinishReason } from '../../../engine/messages.ts';
import type { ChoiceUsage } from '../answer.ts';
import type { AnswerToken } from '../answer-text.ts';

export type MessageFinish = FinishReason | 'tool_calls';

/** An event of the choice `index`. The last event of each choice is its only finish. `tokens`: those that begin in the event's text. */
export type MessageEvent =
  | { type: 'reasoning' | 'content'; index: number; text: string; tokens: AnswerToken[] }
  /** Begins the call with the number `call` (from 0). The events of two calls are never mixed. */
  | { type: 'call'; index: number; call: number; id: string; name: string; tokens: AnswerToken[] }
  /** A piece of the arguments. All pieces together are JSON text. */
  | { type: 'arguments'; index: number; call: number; text: string; tokens: AnswerToken[] }
  | {
      type: 'finish';
      index: number;
      reason: MessageFinish;
      /** The stop id that ended the answer, if one did. It has no text. */
      stop?: AnswerToken | undefined;
      /** The request's stop string that ended the answer, if one did. */
      stopString?: string | undefined;
      usage: ChoiceUsage;
    };

export interface ToolCall {
  id: string;
  name: string;
  /** JSON text. */
  arguments: string;
}

/** The whole message of a choice, made from all of its events. */
export interface WholeMessage extends Omit<Extract<MessageEvent, { type: 'finish' }>, 'type'> {
  /** Absent if the model did not think. */
  reasoning?: string;
  content: string;
  calls: ToolCall[];
  tokens: AnswerToken[];
}
