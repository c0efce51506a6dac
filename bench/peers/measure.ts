// llama.cpp as a child process that a benchmark drives: loads a model, generates what it is told, answers with the
// time of every token. Knows no other engine and judges nothing.
import { getLlama, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp';
import type { PeerMessage, PeerOptions, PeerTask } from './protocol.ts';

const now = () => performance.timeOrigin + performance.now();

async function run(
  model: LlamaModel,
  { threads, flashAttention }: PeerOptions,
  { prompts, tokens, temperature, topP }: PeerTask,
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
  const tokenTimes = await Promise.all(
    prompts.map(async (prompt) => {
      const sequence = context.getSequence();
      const times: number[] = [];
      const ids = prompt.map((id) => id as Token);
      const options = { temperature, topP, topK: 0, yieldEogToken: true };
      for await (const _ of sequence.evaluate(ids, options)) {
        times.push(now());
        if (times.length === tokens) break;
      }
      return times;
    }),
  );
  await context.dispose();
  return { type: 'done', startedAt, tokenTimes };
}

function send(message: PeerMessage): void {
  process.send?.(message);
}

const options: PeerOptions = JSON.parse(process.argv[2] ?? '{}');
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 0, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: options.modelPath, ignoreMemorySafetyChecks: true });
process.on('message', (task: PeerTask) => {
  run(model, options, task).then(send, (error: Error) => send({ type: 'error', message: error.message }));
});
process.once('disconnect', () => process.exit(0));
send({ type: 'ready' });
