// The jobs that turn texts into token ids. A job and its result are plain data, so that another thread can run the job.
import { type ChatPrompt, chatPrompt } from '../text/chat-prompt.ts';
import type { Conversation } from '../text/template.ts';
import type { TextSide } from '../text/text-side.ts';

export type TextJob =
  | { type: 'encode'; text: string; addSpecial: boolean }
  /** A text of more than `most` bytes is not tokenized. `tools` chooses the template for tools, if there is one. */
  | { type: 'chat'; conversation: Conversation; tools: boolean; most: number };

export type TextResult<Job extends TextJob = TextJob> = Job extends { type: 'encode' }
  ? Int32Array
  : ChatPrompt;

export type TextTools = Pick<TextSide, 'tokenizer' | 'template' | 'toolTemplate'>;

/** Throws if the tokenizer fails, or if a chat has no template. */
export function runTextJob<Job extends TextJob>(job: Job, tools: TextTools): TextResult<Job>;
export function runTextJob(job: TextJob, { tokenizer, template, toolTemplate }: TextTools): TextResult {
  if (job.type === 'encode') {
    return Int32Array.from(tokenizer.encode(job.text, { addSpecial: job.addSpecial }));
  }
  const chosen = job.tools ? (toolTemplate ?? template) : template;
  if (chosen === undefined) throw new Error('there is no chat template');
  return chatPrompt(job.conversation, { template: chosen, tokenizer, most: job.most });
}

/** Estimated cost of a message in addition to its text, in code units of text. */
const MESSAGE = 64;

/** Estimated cost of a job, in code units of text. */
export function sizeOfJob(job: TextJob): number {
  if (job.type === 'encode') return job.text.length;
  const { messages, tools = [], documents = [], variables = {} } = job.conversation;
  const said = messages.reduce((sum, message) => {
    const { content, reasoning_content, tool_calls } = message;
    const calls = tool_calls === undefined ? 0 : JSON.stringify(tool_calls).length;
    return sum + MESSAGE + (content?.length ?? 0) + (reasoning_content?.length ?? 0) + calls;
  }, 0);
  const others = [tools, documents, variables].map((value) => JSON.stringify(value).length);
  return others.reduce((sum, length) => sum + length, said);
}
