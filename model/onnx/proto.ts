// Writes ONNX models (onnx.proto3) as bytes, with only the messages and fields that our graphs use.

type ElementType = 'float' | 'uint8' | 'int32' | 'int64';

/** TensorProto.DataType */
const elementCodes: Record<ElementType, number> = { float: 1, uint8: 2, int32: 6, int64: 7 };

/** A graph input or output. A string in `shape` names a dimension that is known only at run time. */
export interface Port {
  name: string;
  type: ElementType;
  shape: readonly (number | string)[];
}

/** A constant of the graph. `data` is little-endian, row-major. */
export interface Initializer {
  name: string;
  type: ElementType;
  shape: readonly number[];
  data: Uint8Array;
}

type Attribute = number | string | { float: number };

export interface Node {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Whole numbers are written as INT. A float must be wrapped in `{ float }`. */
  attributes?: Record<string, Attribute>;
  /** Default: the standard ONNX operators. */
  domain?: 'com.microsoft';
}

export interface Graph {
  name: string;
  inputs: readonly Port[];
  outputs: readonly Port[];
  initializers: readonly Initializer[];
  nodes: readonly Node[];
}

/** The bytes of a ModelProto, opset 21, IR version 10. */
export function encodeModel(graph: Graph): Uint8Array {
  return new Message()
    .integer(1, 10)
    .text(2, 'expertgrid')
    .message(7, encodeGraph(graph))
    .message(8, opset('', 21))
    .message(8, opset('com.microsoft', 1))
    .bytes();
}

function encodeGraph({ name, inputs, outputs, initializers, nodes }: Graph): Message {
  const graph = new Message();
  for (const node of nodes) graph.message(1, encodeNode(node));
  graph.text(2, name);
  for (const initializer of initializers) graph.message(5, encodeTensor(initializer));
  for (const port of inputs) graph.message(11, encodePort(port));
  for (const port of outputs) graph.message(12, encodePort(port));
  return graph;
}

function encodeNode({ op, inputs, outputs, attributes = {}, domain }: Node): Message {
  const node = new Message();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(4, op);
  for (const [name, value] of Object.entries(attributes)) node.message(5, encodeAttribute(name, value));
  if (domain !== undefined) node.text(7, domain);
  return node;
}

/** AttributeProto; field 20 is its type. */
function encodeAttribute(name: string, value: Attribute): Message {
  const attribute = new Message().text(1, name);
  if (typeof value === 'number') return attribute.integer(3, value).integer(20, 2);
  if (typeof value === 'string') return attribute.text(4, value).integer(20, 3);
  return attribute.float(2, value.float).integer(20, 1);
}

function encodeTensor({ name, type, shape, data }: Initializer): Message {
  const tensor = new Message();
  for (const size of shape) tensor.integer(1, size);
  return tensor.integer(2, elementCodes[type]).text(8, name).raw(9, data);
}

function encodePort({ name, type, shape }: Port): Message {
  const dimensions = new Message();
  for (const size of shape) {
    const dimension = new Message();
    dimensions.message(1, typeof size === 'number' ? dimension.integer(1, size) : dimension.text(2, size));
  }
  const tensor = new Message().integer(1, elementCodes[type]).message(2, dimensions);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

function opset(domain: string, version: number): Message {
  return new Message().text(1, domain).integer(2, version);
}

/** A protobuf message that is being built. Its pieces are joined once at the end, so that weights are copied once. */
class Message {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  integer(field: number, value: number): this {
    return this.#push(varint(field * 8), varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(varint(field * 8 + 5), bytes);
  }

  text(field: number, value: string): this {
    return this.raw(field, new TextEncoder().encode(value));
  }

  raw(field: number, value: Uint8Array): this {
    return this.#push(varint(field * 8 + 2), varint(value.length), value);
  }

  message(field: number, message: Message): this {
    return this.#push(varint(field * 8 + 2), varint(message.#length), ...message.#pieces);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#pieces, this.#length);
  }

  #push(...pieces: Uint8Array[]): this {
    for (const piece of pieces) this.#length += piece.length;
    this.#pieces.push(...pieces);
    return this;
  }
}

/** Base-128 varint of a safe integer. A negative one is written as 64 bits of two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) + 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
