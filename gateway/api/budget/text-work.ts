// Tokenizes the texts of requests: short texts on this thread, in slices that tenants share, and long texts on other threads.
import type { ChatPrompt } from '../text/chat-prompt.ts';
import type { Conversation } from '../text/template.ts';
import type { Slices, Tenant } from './slices.ts';
import { runTextJob, sizeOfJob, type TextJob, type TextResult, type TextTools } from './text-jobs.ts';
import type { TextThreads } from './text-threads.ts';

/** Tokenizes the texts of one request. */
export interface TextWork {
  /** The token ids of a text; see Tokenizer.encode. */
  encode(text: string, options: { addSpecial: boolean }): Promise<number[]>;
  /** Applies the chat template, and tokenizes a text of up to `most` bytes. `tools` chooses the template for tools, if one exists. */
  write(conversation: Conversation, options: { tools: boolean; most: number }): Promise<ChatPrompt>;
}

/** The request whose texts are tokenized. */
export interface TextTenant {
  tenant: Tenant;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
}

/** Longest text that this thread tokenizes itself, in code units. It takes at most a few milliseconds. */
const SHORT = 4 * 1024;

interface TextWorkOptions {
  tools: TextTools;
  slices: Slices;
  /** The threads, and the directory from which they load their own copy of `tools`. Undefined: this thread tokenizes all texts. */
  threads: { pool: TextThreads; dir: string } | undefined;
}

export function createTextWork(options: TextWorkOptions): (request: TextTenant) => TextWork {
  const { tools, slices, threads } = options;
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
