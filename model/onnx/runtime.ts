// ONNX Runtime behind a small door: sessions from graphs, runs on typed arrays. The only importer of onnxruntime-node.
import * as ort from 'onnxruntime-node';
import { encodeModel, type Graph } from './proto.ts';

/** Values of one input; their element type follows the array's. */
export interface Feed {
  data: Float32Array | Int32Array | BigInt64Array;
  shape: readonly number[];
}

export interface Session {
  /** Blocks the thread while it computes, and reads the feeds in place. Only the named float outputs are fetched. */
  run(feeds: Record<string, Feed>, outputs: readonly string[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

export const RUNTIME_VERSION: string = ort.env.versions.node ?? ort.env.versions.common;

/**
 * One thread a session: pools of idle sessions would spin on the cores that others need, and sums split over threads
 * would change the bits. Parallelism comes from processes.
 */
export async function openSession(graph: Graph): Promise<Session> {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'basic',
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
  return {
    async run(feeds, outputs) {
      const tensors: Record<string, ort.Tensor> = {};
      for (const name in feeds) tensors[name] = tensor(feeds[name]!);
      const answers = await session.run(tensors, outputs);
      return outputs.map((name) => floats(answers[name], name));
    },
    release: () => session.release(),
  };
}

function tensor({ data, shape }: Feed): ort.Tensor {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, shape);
  if (data instanceof Int32Array) return new ort.Tensor('int32', data, shape);
  return new ort.Tensor('int64', data, shape);
}

function floats(value: ort.OnnxValue | undefined, name: string): Float32Array {
  if (value instanceof ort.Tensor && value.data instanceof Float32Array) return value.data;
  throw new Error(`ONNX Runtime gave no float32 tensor for output ${name}`);
}
