// Where a text is turned into token ids: a short one here, in its owner's turn, a long one in a text thread. Knows no endpoint.
import type { ChatPrompt } from '../text/chat-prompt.ts';
import type { Conversation } from '../text/template.ts';
import type { Owner, Slices } from './slices.ts';
import { runTextJob, sizeOfJob, type TextJob, type TextResult, type TextTools } from './text-jobs.ts';
import type { TextThreads } from './text-threads.ts';

/** For the texts of one request. */
export interface TextWork {
  /** Ids of a text; see Tokenizer.encode. */
  encode(text: string, options: { addSpecial: boolean }): Promise<number[]>;
  /** `most`: bytes of the written text. `tools`: by the template for tools, if there is one. */
  write(conversation: Conversation, options: { tools: boolean; most: number }): Promise<ChatPrompt>;
}

/** Whose texts they are. */
export interface TextOwner {
  owner: Owner;
  /** Aborted when the caller is gone. */
  signal: AbortSignal;
}

/** Code units; a text of so many takes a few milliseconds at most. */
const SHORT = 4 * 1024;

export interface TextWorkOptions {
  tools: TextTools;
  slices: Slices;
  /** The threads, and the directory from which they load the same tools; absent: everything is done here. */
  threads?: { pool: TextThreads; dir: string } | undefined;
}

export function createTextWork({ tools, slices, threads }: TextWorkOptions): (caller: TextOwner) => TextWork {
  return ({ owner, signal }) => {
    const run = <Job extends TextJob>(job: Job): Promise<TextResult<Job>> => {
      if (threads === undefined || sizeOfJob(job) <= SHORT) {
        return slices.turn(owner, () => runTextJob(job, tools));
      }
      return threads.pool.run(threads.dir, job, { owner: owner.name, onTook: slices.charge, signal });
    };
    return {
      encode: async (text, { addSpecial }) => Array.from(await run({ type: 'encode', text, addSpecial })),
      write: (conversation, options) => run({ type: 'chat', conversation, ...options }),
    };
  };
}
