// Opens sessions of ONNX Runtime from graphs, and runs them on typed arrays or on tensors that stay in a GPU's memory. This is
// the only importer of onnxruntime-node.
import * as ort from 'onnxruntime-node';
import { encodeModel, type Graph } from './proto.ts';
import { singleRowsDiffer, withZeroRows } from './single-rows.ts';

/** Values of one input. The array's type decides their element type. */
export interface Feed {
  data: Float32Array | Int32Array | BigInt64Array | Uint8Array;
  shape: readonly number[];
}

/** A tensor in the GPU's memory until it is disposed. */
export class Resident {
  readonly tensor: ort.Tensor;

  constructor(tensor: ort.Tensor) {
    this.tensor = tensor;
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

interface SessionOf<Output> {
  /** Blocks the thread while it computes, and reads the feeds in place. Fetches only the named float32 outputs. */
  run(feeds: Record<string, Feed | Resident>, outputs: readonly string[]): Promise<Output[]>;
  release(): Promise<void>;
}

export type Session = SessionOf<Float32Array>;
/** A session whose outputs stay in the GPU's memory. */
export type ResidentSession = SessionOf<Resident>;

export interface OpenSessionOptions {
  /** ONNX Runtime's execution provider. The CPU computes nodes that the provider does not implement. Default: `cpu`. */
  provider?: string;
  /** Refuse a graph if the CPU would compute one of its nodes. The error names the node. */
  strict?: boolean;
}

export const RUNTIME_VERSION: string = ort.env.versions.node ?? ort.env.versions.common;

export async function openSession(graph: Graph, options: OpenSessionOptions = {}): Promise<Session> {
  return sessionOver(await create(graph, options), ({ data }, name) => {
    if (data instanceof Float32Array) return data;
    throw new Error(`ONNX Runtime gave no float32 tensor for output ${name}`);
  });
}

/** For `webgpu` only, because onnxruntime-node keeps outputs in GPU memory with this provider only. */
export async function openResidentSession(
  graph: Graph,
  { provider }: OpenSessionOptions,
): Promise<ResidentSession> {
  const session = await create(graph, { provider }, { preferredOutputLocation: 'gpu-buffer' });
  return sessionOver(session, (tensor) => new Resident(tensor));
}

function sessionOver<Output>(
  session: ort.InferenceSession,
  outputOf: (tensor: ort.Tensor, name: string) => Output,
): SessionOf<Output> {
  return {
    async run(feeds, outputs) {
      const answers = await session.run(tensors(feeds), outputs);
      return outputs.map((name) => {
        const value = answers[name];
        if (value instanceof ort.Tensor) return outputOf(value, name);
        throw new Error(`ONNX Runtime gave no tensor for output ${name}`);
      });
    },
    release: () => session.release(),
  };
}

/**
 * Each session has one thread, for two reasons: the thread pools of idle sessions would spin on cores that others need, and sums
 * that are split over threads would have other bits. Parallelism comes from processes.
 */
function create(
  graph: Graph,
  { provider = 'cpu', strict = false }: OpenSessionOptions,
  more: ort.InferenceSession.SessionOptions = {},
): Promise<ort.InferenceSession> {
  const exact = provider === 'cpu' && singleRowsDiffer() ? withZeroRows(graph) : graph;
  return ort.InferenceSession.create(encodeModel(exact), {
    executionProviders: [provider],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'basic',
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(strict && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    ...more,
  });
}

function tensors(feeds: Record<string, Feed | Resident>): Record<string, ort.Tensor> {
  const made: Record<string, ort.Tensor> = {};
  for (const [name, feed] of Object.entries(feeds)) {
    made[name] = feed instanceof Resident ? feed.tensor : tensor(feed);
  }
  return made;
}

function tensor({ data, shape }: Feed): ort.Tensor {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, shape);
  if (data instanceof Int32Array) return new ort.Tensor('int32', data, shape);
  if (data instanceof Uint8Array) return new ort.Tensor('uint8', data, shape);
  return new ort.Tensor('int64', data, shape);
}
