// Opens sessions of ONNX Runtime from graphs, and runs them on typed arrays or on tensors that stay in a GPU's memory. This is
// the only importer of onnxruntime-node.
import * as ort from 'onnxruntime-node';
import { lonelyRowsDiffer, withCompany } from './company.ts';
import { encodeModel, type Graph } from './proto.ts';

/** Values of one input. Their element type follows from the array's. */
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

export interface Session {
  /** Blocks the thread while it computes, and reads the feeds in place. Fetches only the named float outputs. */
  run(feeds: Record<string, Feed | Resident>, outputs: readonly string[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** A session whose outputs stay in the GPU's memory. */
export interface ResidentSession {
  run(feeds: Record<string, Feed | Resident>, outputs: readonly string[]): Promise<Resident[]>;
  release(): Promise<void>;
}

export interface OpenSessionOptions {
  /** ONNX Runtime's execution provider. It leaves nodes that it does not implement to `cpu`, which is the default. */
  provider?: string;
  /** Refuse a graph if a node would be left to the CPU; the error names the node. */
  strict?: boolean;
}

export const RUNTIME_VERSION: string = ort.env.versions.node ?? ort.env.versions.common;

export async function openSession(graph: Graph, options: OpenSessionOptions = {}): Promise<Session> {
  const session = await create(graph, options);
  return {
    async run(feeds, outputs) {
      const answers = await session.run(tensors(feeds), outputs);
      return outputs.map((name) => floats(answers[name], name));
    },
    release: () => session.release(),
  };
}

/** For `webgpu` only, because onnxruntime-node can keep outputs in no other GPU's memory. */
export async function openResidentSession(
  graph: Graph,
  { provider }: OpenSessionOptions,
): Promise<ResidentSession> {
  const session = await create(graph, { provider }, { preferredOutputLocation: 'gpu-buffer' });
  return {
    async run(feeds, outputs) {
      const answers = await session.run(tensors(feeds), outputs);
      return outputs.map((name) => new Resident(tensorNamed(answers[name], name)));
    },
    release: () => session.release(),
  };
}

/**
 * Each session has one thread, because the thread pools of idle sessions would spin on cores that others need, and sums that
 * are split over threads would change the bits. Parallelism comes from processes.
 */
function create(
  graph: Graph,
  { provider = 'cpu', strict = false }: OpenSessionOptions,
  more: ort.InferenceSession.SessionOptions = {},
): Promise<ort.InferenceSession> {
  const exact = provider === 'cpu' && lonelyRowsDiffer() ? withCompany(graph) : graph;
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

function floats(value: ort.OnnxValue | undefined, name: string): Float32Array {
  const { data } = tensorNamed(value, name);
  if (data instanceof Float32Array) return data;
  throw new Error(`ONNX Runtime gave no float32 tensor for output ${name}`);
}

function tensorNamed(value: ort.OnnxValue | undefined, name: string): ort.Tensor {
  if (value instanceof ort.Tensor) return value;
  throw new Error(`ONNX Runtime gave no tensor for output ${name}`);
}
