// Writes ONNX models (onnx.proto3) as bytes, with only the messages and fields that our graphs use.

export type ElementType = 'float' | 'uint8' | 'int32' | 'int64';

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

export type Attribute = number | string | readonly number[] | { float: number };

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
  const model = new Message();
  model.integer(1, 10);
  model.text(2, 'expertgrid');
  model.message(7, encodeGraph(graph));
  model.message(8, opset('', 21));
  model.message(8, opset('com.microsoft', 1));
  return model.bytes();
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
  const attribute = new Message();
  attribute.text(1, name);
  if (typeof value === 'number') {
    attribute.integer(3, value);
    attribute.integer(20, 2);
  } else if (typeof value === 'string') {
    attribute.text(4, value);
    attribute.integer(20, 3);
  } else if ('float' in value) {
    attribute.float(2, value.float);
    attribute.integer(20, 1);
  } else {
    for (const item of value) attribute.integer(8, item);
    attribute.integer(20, 7);
  }
  return attribute;
}

function encodeTensor({ name, type, shape, data }: Initializer): Message {
  const tensor = new Message();
  for (const size of shape) tensor.integer(1, size);
  tensor.integer(2, elementCodes[type]);
  tensor.text(8, name);
  tensor.raw(9, data);
  return tensor;
}

function encodePort({ name, type, shape }: Port): Message {
  const dimensions = new Message();
  for (const size of shape) {
    const dimension = new Message();
    if (typeof size === 'number') dimension.integer(1, size);
    else dimension.text(2, size);
    dimensions.message(1, dimension);
  }
  const tensor = new Message();
  tensor.integer(1, elementCodes[type]);
  tensor.message(2, dimensions);
  const typeProto = new Message();
  typeProto.message(1, tensor);
  const port = new Message();
  port.text(1, name);
  port.message(2, typeProto);
  return port;
}

function opset(domain: string, version: number): Message {
  const message = new Message();
  message.text(1, domain);
  message.integer(2, version);
  return message;
}

/** A protobuf message that is being built. Its pieces are joined once at the end, so that weights are copied once. */
class Message {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  integer(field: number, value: number): void {
    this.#push(varint(field * 8));
    this.#push(varint(value));
  }

  float(field: number, value: number): void {
    this.#push(varint(field * 8 + 5));
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#push(bytes);
  }

  text(field: number, value: string): void {
    this.raw(field, new TextEncoder().encode(value));
  }

  raw(field: number, value: Uint8Array): void {
    this.#push(varint(field * 8 + 2));
    this.#push(varint(value.length));
    this.#push(value);
  }

  message(field: number, message: Message): void {
    this.#push(varint(field * 8 + 2));
    this.#push(varint(message.#length));
    for (const piece of message.#pieces) this.#push(piece);
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}

/** Base-128 varint of a safe integer; negative ones as 64 bits of two's complement. */
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
