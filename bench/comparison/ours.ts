// `expertgrid up` as an engine of the comparison, reached through its HTTP API.
import { basename } from 'node:path';
import { type Engine, now, type RunningEngine } from '../engine.ts';
import { streamCompletion } from '../http.ts';
import { startUp } from '../up-process.ts';

interface OursOptions {
  name: string;
  /** Directory of the bundle. */
  model: string;
  files: readonly string[];
  /** Flags of `up`, without those for the model and the port. */
  flags: readonly string[];
  /** Bytes of the keys and values of one position. */
  positionBytes: number;
}

export function ours(options: OursOptions): Engine {
  return { name: options.name, files: options.files, inPlace: true, start: () => start(options) };
}

async function start({ model, flags, positionBytes }: OursOptions): Promise<RunningEngine> {
  // A model of random weights repeats itself, which flatters drafts, and the peer makes none.
  const always = ['--no-speculate', '--log-level', 'error'];
  const { pid, url, stop } = await startUp(model, [...always, ...flags], { printErrors: false });
  return {
    pid,
    async generate({ prompts, tokens, temperature, topP }) {
      const startedAt = now();
      const streams = prompts.map((prompt) =>
        streamCompletion(new URL('/v1/completions', url), {
          model: basename(model),
          prompt,
          max_tokens: tokens,
          ignore_eos: true,
          temperature,
          top_p: topP,
          stream: true,
          stream_options: { include_usage: true },
        }),
      );
      return { startedAt, streams: await Promise.all(streams) };
    },
    keyValueBytes({ prompts, tokens }) {
      return prompts.reduce((sum, prompt) => sum + prompt.length + tokens, 0) * positionBytes;
    },
    stop,
  };
}
