// The graph that runs one layer's experts over weights in the GPU's memory: one `QMoE` node for each row.
//
// Each row has a node of its own, because ONNX Runtime 1.30.0 on WebGPU loses rows if a node has two or more (docs/devices.md).
// The node's shader counts each expert's rows while the first workgroup is still setting the counters to zero. A single row
// takes another path without that shader, and its bits cannot depend on other rows.
import type { ModelConfig } from '../config/config.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { GROUP, toBlocks } from '../tiles.ts';
import { floatInitializer, roundUp } from './product.ts';
import type { Graph, Node, Port } from './proto.ts';
import type { Feed } from './runtime.ts';

/** Shape of a slot, which is GPU memory for one expert. Widths are padded to whole groups with weights of zero. */
export interface SlotShape {
  /** Number of inputs and of outputs: a multiple of 32, at least 64. */
  hidden: number;
  /** A multiple of 32. */
  inner: number;
  /** Bits of one weight in the blocks of `toBlocks`: 4 or 8. */
  bits: number;
}

/** `hidden` has at least two groups, because the operator expects scales of another shape for a single group. */
export function slotShape({ hidden, inner }: ModelConfig, bits: number): SlotShape {
  return { hidden: Math.max(2 * GROUP, roundUp(hidden, GROUP)), inner: roundUp(inner, GROUP), bits };
}

/** The tensors of a slot, in the order in which `QMoE` takes them. */
export const slotTensors = ['gate_up', 'gate_up_scales', 'down', 'down_scales'] as const;

type SlotTensor = (typeof slotTensors)[number];

function slotPorts({ hidden, inner, bits }: SlotShape): Record<SlotTensor, Omit<Port, 'name'>> {
  const bytes = (values: number) => (values * bits) / 8;
  return {
    gate_up: { type: 'uint8', shape: [1, 2 * inner, bytes(hidden)] },
    gate_up_scales: { type: 'float', shape: [1, 2 * inner, hidden / GROUP] },
    down: { type: 'uint8', shape: [1, hidden, bytes(inner)] },
    down_scales: { type: 'float', shape: [1, hidden, inner / GROUP] },
  };
}

/** An expert's weights as `QMoE` reads them: rows of gate and up alternate, gate first. */
export function slotFeeds(
  { gate, up, down }: ExpertWeights,
  { hidden, inner, bits }: SlotShape,
): Record<SlotTensor, Feed> {
  const gateUp = new Rows(2 * inner, hidden, bits);
  gateUp.put(gate, (row) => 2 * row);
  gateUp.put(up, (row) => 2 * row + 1);
  const output = new Rows(hidden, inner, bits);
  output.put(down, (row) => row);
  return {
    gate_up: { data: gateUp.blocks, shape: [1, 2 * inner, gateUp.rowBytes] },
    gate_up_scales: { data: gateUp.scales, shape: [1, 2 * inner, hidden / GROUP] },
    down: { data: output.blocks, shape: [1, hidden, output.rowBytes] },
    down_scales: { data: output.scales, shape: [1, hidden, inner / GROUP] },
  };
}

/** Quantised rows that are being built. Rows that `put` never fills have scales of zero. */
class Rows {
  readonly rowBytes: number;
  readonly blocks: Uint8Array;
  readonly scales: Float32Array;
  readonly #groups: number;

  constructor(rows: number, cols: number, bits: number) {
    this.#groups = cols / GROUP;
    this.rowBytes = (cols * bits) / 8;
    this.blocks = new Uint8Array(rows * this.rowBytes);
    this.scales = new Float32Array(rows * this.#groups);
  }

  put(matrix: Matrix, place: (row: number) => number): void {
    const { blocks, scales } = toBlocks(matrix);
    const groups = scales.length / matrix.rows;
    const bytes = blocks.length / matrix.rows;
    for (let row = 0; row < matrix.rows; row++) {
      this.blocks.set(blocks.subarray(row * bytes, (row + 1) * bytes), place(row) * this.rowBytes);
      this.scales.set(scales.subarray(row * groups, (row + 1) * groups), place(row) * this.#groups);
    }
  }
}

/** A graph that returns a slot's tensors unchanged. Running it with outputs that stay in the GPU's memory uploads the tensors. */
export function upload(shape: SlotShape): Graph {
  const ports = slotPorts(shape);
  return {
    name: 'upload',
    inputs: slotTensors.map((name) => ({ name, ...ports[name] })),
    outputs: slotTensors.map((name) => ({ name: `${name}.kept`, ...ports[name] })),
    initializers: [],
    nodes: slotTensors.map((name) => ({ op: 'Identity', inputs: [name], outputs: [`${name}.kept`] })),
  };
}

/**
 * For each row i, `x.i [1, hidden]` and its slot, `gate_up.i` … `down_scales.i` → `y [rows, hidden]`. There is no single input
 * for all rows, because it would need a Split, which a GPU's limit of storage buffers restricts to 8 to 12 rows.
 * Each node has one expert. The softmax over its single score is 1, so answers are not weighted.
 */
export function slotRows(shape: SlotShape, rows: number): Graph {
  const ports = slotPorts(shape);
  const index = Array.from({ length: rows }, (_, row) => row);
  const one = rows === 1;
  const nodes: Node[] = index.map((row) => ({
    op: 'QMoE',
    domain: 'com.microsoft',
    inputs: [
      `x.${row}`,
      'score',
      `gate_up.${row}`,
      `gate_up_scales.${row}`,
      '',
      `down.${row}`,
      `down_scales.${row}`,
    ],
    outputs: [one ? 'y' : `y.${row}`],
    attributes: {
      k: 1,
      activation_type: 'swiglu',
      swiglu_fusion: 1,
      activation_alpha: { float: 1 },
      activation_beta: { float: 0 },
      normalize_routing_weights: 1,
      expert_weight_bits: shape.bits,
      block_size: GROUP,
    },
  }));
  if (!one) {
    const answers = index.map((row) => `y.${row}`);
    nodes.push({ op: 'Concat', inputs: answers, outputs: ['y'], attributes: { axis: 0 } });
  }
  const row = (name: string, count: number): Port => ({ name, type: 'float', shape: [count, shape.hidden] });
  return {
    name: 'slot_rows',
    inputs: [
      ...index.map((at) => row(`x.${at}`, 1)),
      ...index.flatMap((at) => slotTensors.map((name) => ({ name: `${name}.${at}`, ...ports[name] }))),
    ],
    outputs: [row('y', rows)],
    initializers: [floatInitializer('score', [1, 1], Float32Array.of(1))],
    nodes,
  };
}
