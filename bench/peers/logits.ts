// Runs llama.cpp on a GGUF file and reads its logits.
import type { Llama, Token } from 'node-llama-cpp';

/** Raw logits, `[positions][vocab]`. */
export async function logitsOf(
  engine: Llama,
  modelPath: string,
  ids: readonly number[],
): Promise<number[][]> {
  const model = await engine.loadModel({ modelPath, useMmap: false });
  const context = await model.createContext({
    contextSize: 256,
    batchSize: 64,
    flashAttention: false,
    threads: 1,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const outputs = await context
    .getSequence()
    .controlledEvaluate(ids.map((id) => [id as Token, { generateNext: { logits: true } }]));
  const rows = outputs.map((output, position) => {
    const logits = output?.next.logits;
    if (!logits) throw new Error(`llama.cpp gave no logits at position ${position}`);
    return Array.from({ length: logits.size }, (_, id) => {
      const logit = logits.get(id as Token);
      if (logit === undefined) throw new Error(`llama.cpp gave no logit for token ${id}`);
      return logit;
    });
  });
  await context.dispose();
  await model.dispose();
  return rows;
}
