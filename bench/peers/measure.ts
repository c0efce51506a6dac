// Entry of a child process of the comparison that runs llama.cpp: loads a model, generates, and answers with the time of
// every token.
import { getLlama, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp';
import { now, type Task } from '../engine.ts';
import type { PeerMessage, PeerOptions } from './protocol.ts';

async function run(
  model: LlamaModel,
  { threads, flashAttention }: PeerOptions,
  { prompts, tokens, temperature, topP }: Task,
): Promise<PeerMessage> {
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const context = await model.createContext({
    sequences: prompts.length,
    contextSize: longest + tokens,
    batchSize: 512,
    flashAttention,
    threads: { ideal: threads, min: threads },
    ignoreMemorySafetyChecks: true,
  });
  const startedAt = now();
  const iterators = prompts.map((prompt) => {
    const ids = prompt.map((id) => id as Token);
    return context.getSequence().evaluate(ids, { temperature, topP, topK: 0, yieldEogToken: true });
  });
  const tokenTimes: number[][] = prompts.map(() => []);
  // The next tokens of all sequences are requested together. Otherwise one sequence is always left for the next batch,
  // which halves the speed.
  for (let step = 0; step < tokens; step++) {
    await Promise.all(iterators.map((iterator) => iterator.next()));
    const at = now();
    for (const times of tokenTimes) times.push(at);
  }
  await context.dispose();
  return { type: 'done', startedAt, tokenTimes };
}

function send(message: PeerMessage): void {
  process.send?.(message);
}

const options: PeerOptions = JSON.parse(process.argv[2] ?? '{}');
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 0, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: options.modelPath, ignoreMemorySafetyChecks: true });
process.on('message', (task: Task) => {
  run(model, options, task).then(send, (error: Error) => send({ type: 'error', message: error.message }));
});
process.once('disconnect', () => process.exit(0));
send({ type: 'ready' });
