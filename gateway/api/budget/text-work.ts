// Turns a short text into token ids on this thread, in its tenant's turn, and a long one in a text thread.
import type { ChatPrompt } from '../text/chat-prompt.ts';
import type { Conversation } from '../text/template.ts';
import type { Slices, Tenant } from './slices.ts';
import { runTextJob, sizeOfJob, type TextJob, type TextResult, type TextTools } from './text-jobs.ts';
import type { TextThreads } from './text-threads.ts';

/** Tokenizes the texts of one request. */
export interface TextWork {
  /** Ids of a text; see Tokenizer.encode. */
  encode(text: string, options: { addSpecial: boolean }): Promise<number[]>;
  /** `most` limits the bytes of the written text. `tools` chooses the template for tools, if there is one. */
  write(conversation: Conversation, options: { tools: boolean; most: number }): Promise<ChatPrompt>;
}

/** The request that the texts are of. */
export interface TextTenant {
  tenant: Tenant;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

/** A text of so many code units takes at most a few milliseconds. */
const SHORT = 4 * 1024;

export interface TextWorkOptions {
  tools: TextTools;
  slices: Slices;
  /** The threads, and the directory from which they load the same tools. Absent: this thread does everything. */
  threads?: { pool: TextThreads; dir: string } | undefined;
}

export function createTextWork({
  tools,
  slices,
  threads,
}: TextWorkOptions): (caller: TextTenant) => TextWork {
  return ({ tenant, signal }) => {
    const run = <Job extends TextJob>(job: Job): Promise<TextResult<Job>> => {
      if (threads === undefined || sizeOfJob(job) <= SHORT) {
        return slices.turn(tenant, () => runTextJob(job, tools));
      }
      return threads.pool.run(threads.dir, job, { tenant: tenant.name, onTook: slices.charge, signal });
    };
    return {
      encode: async (text, { addSpecial }) => Array.from(await run({ type: 'encode', text, addSpecial })),
      write: (conversation, options) => run({ type: 'chat', conversation, ...options }),
    };
  };
}
