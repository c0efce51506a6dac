// Tokenizes the texts of requests: short texts on this thread, where tenants take turns, and long ones in a
// text thread.
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

/** The tenant and the signal of the request whose texts are tokenized. */
export interface TextTenant {
  tenant: Tenant;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

/** Longest text, in code units, that this thread tokenizes itself. That takes at most a few milliseconds. */
const SHORT = 4 * 1024;

export interface TextWorkOptions {
  tools: TextTools;
  slices: Slices;
  /** The threads, and the directory from which they load the same tools. Absent: this thread does all. */
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
