// `expertgrid up` as an engine of the benchmark, reached through its HTTP API alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine, RunningEngine, Task } from './engine.ts';
import { now } from './engine.ts';
import { streamCompletion } from './load/http-stream.ts';
import { endTree } from './process-tree.ts';

const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

export interface OursOptions {
  name: string;
  /** Directory of the bundle. */
  model: string;
  files: readonly string[];
  /** Flags of `up` besides model and port. */
  flags: readonly string[];
  /** Keys and values of one position. */
  positionBytes: number;
}

export function ours({ name, model, files, flags, positionBytes }: OursOptions): Engine {
  return { name, files, inPlace: true, start: () => start(model, flags, positionBytes) };
}

async function start(model: string, flags: readonly string[], positionBytes: number): Promise<RunningEngine> {
  const args = [main, 'up', '--model', model, '--port', '0', '--log-level', 'error', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  await once(child, 'spawn');
  const pid = child.pid ?? Number.NaN;
  let said = '';
  const url = await new Promise<URL>((resolve, reject) => {
    const listen = (text: string) => {
      said = (said + text).slice(-10_000);
      const [, address] = /^ready in .* at (http:\S+),/m.exec(said) ?? [];
      if (address !== undefined) resolve(new URL('/v1/completions', address));
    };
    child.stdout.setEncoding('utf8').on('data', listen);
    child.stderr.setEncoding('utf8').on('data', listen);
    child.on('close', () => reject(new Error(`expertgrid up ended: ${said.trim()}`)));
  });
  const complete = ({ tokens, temperature, topP }: Task, prompt: number[]) => {
    return streamCompletion(url, {
      model: basename(model),
      prompt,
      max_tokens: tokens,
      ignore_eos: true,
      temperature,
      top_p: topP,
      stream: true,
      stream_options: { include_usage: true },
    });
  };
  return {
    pid,
    async generate(task) {
      const startedAt = now();
      return { startedAt, streams: await Promise.all(task.prompts.map((prompt) => complete(task, prompt))) };
    },
    keyValueBytes({ prompts, tokens }) {
      return prompts.reduce((sum, prompt) => sum + prompt.length + tokens, 0) * positionBytes;
    },
    stop: () => endTree(pid, ended),
  };
}
