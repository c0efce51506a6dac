// llama.cpp as an engine of the benchmark: a child process that runs peers/measure.ts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Engine, RunningEngine } from '../engine.ts';
import type { PeerMessage, PeerOptions } from '../peers/protocol.ts';
import { endTree } from '../process-tree.ts';

const script = fileURLToPath(new URL('../peers/measure.ts', import.meta.url));

/** Says how to install llama.cpp if it is missing; undefined if it is installed. */
export function peerMissing(): string | undefined {
  if (existsSync(new URL('../peers/node_modules/node-llama-cpp', import.meta.url))) return undefined;
  return 'llama.cpp is not installed, and its columns stay empty. To install it: npm ci --prefix bench/peers --omit=optional --ignore-scripts';
}

export function peer(options: PeerOptions): Engine {
  return { name: 'llama.cpp', files: [options.modelPath], inPlace: false, start: () => start(options) };
}

async function start(options: PeerOptions): Promise<RunningEngine> {
  const child = fork(script, [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  const ended = once(child, 'close');
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-10_000);
  });
  const died = ended.then((): never => {
    throw new Error(`llama.cpp ended: ${output.trim()}`);
  });
  died.catch(() => {}); // only a caller that waits for an answer needs this error
  const answer = async (): Promise<PeerMessage> => {
    const [message]: PeerMessage[] = await Promise.race([once(child, 'message'), died]);
    if (message === undefined) throw new Error('llama.cpp sent an empty message');
    if (message.type === 'error') throw new Error(message.message);
    return message;
  };
  await answer();
  const pid = child.pid ?? Number.NaN;
  return {
    pid,
    async generate(task) {
      const answered = answer();
      child.send(task);
      const message = await answered;
      if (message.type !== 'done') throw new Error(`llama.cpp answered ${message.type}`);
      const streams = message.tokenTimes.map((times) => ({ times, tokens: times.length }));
      return { startedAt: message.startedAt, streams };
    },
    // Each task has a context of its own, which is disposed when the task ends.
    keyValueBytes: () => 0,
    stop: () => endTree(pid, ended),
  };
}
