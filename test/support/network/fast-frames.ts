// Frames in the layout of docs/protocol.md that the addon reads and writes itself, written independently of the addon.

export interface FastCall {
  id: number;
  model: string;
  layer: number;
  priority: number;
  epoch: number;
  deadlineMs: number;
  /** Pairs (row, expert). */
  asks: readonly number[];
  rows: Float32Array;
}

export function fastCall({ id, model, layer, priority, epoch, deadlineMs, asks, rows }: FastCall): Buffer {
  const pairs = Buffer.from(Uint16Array.from(asks).buffer);
  const fields = (modelBytes: 1 | 2, dtype: number[]) => [
    [0x94, 0, 0xce, ...big(id, 4)],
    [0xaa, ...ascii('expert.run'), 0x88],
    [0xa8, ...ascii('priority'), priority],
    [0xa5, ...ascii('layer'), 0xcd, ...big(layer, 2)],
    [0xa5, ...ascii('epoch'), 0xcf, ...big(epoch, 8)],
    [0xaa, ...ascii('deadlineMs'), 0xce, ...big(deadlineMs, 4)],
    [
      0xa5,
      ...ascii('model'),
      modelBytes === 1 ? 0xd9 : 0xda,
      ...big(model.length, modelBytes),
      ...ascii(model),
    ],
    [0xa5, ...ascii('dtype'), ...dtype, ...ascii('f32')],
    [0xa4, ...ascii('asks'), 0xc6, ...big(pairs.length, 4), ...pairs],
    [0xa4, ...ascii('rows'), 0xc6, ...big(rows.byteLength, 4)],
  ];
  const paddings: (() => number[][])[] = [
    () => fields(1, [0xa3]),
    () => fields(1, [0xd9, 3]),
    () => fields(1, [0xda, 0, 3]),
    () => fields(2, [0xda, 0, 3]),
  ];
  const heads = paddings.map((make) => Buffer.from(make().flat()));
  const head = heads.find(({ length }) => length % 4 === 0)!;
  return withLength(head, rows);
}

export function fastAnswer(id: number, rows: Float32Array): Buffer {
  const head = Buffer.from(
    [
      [0x94, 1, 0xce, ...big(id, 4), 0xc0, 0x83],
      [0xa5, ...ascii('runMs'), 0xcb, ...double(1.5)],
      [0xa7, ...ascii('queueMs'), 0xcb, ...double(0.25)],
      [0xd9, 4, ...ascii('rows'), 0xc6, ...big(rows.byteLength, 4)],
    ].flat(),
  );
  return withLength(head, rows);
}

function withLength(head: Buffer, rows: Float32Array): Buffer {
  const body = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
  return Buffer.concat([Buffer.from(big(head.length + body.length, 4)), head, body]);
}

function ascii(text: string): number[] {
  return [...Buffer.from(text, 'latin1')];
}

function big(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

function double(value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return [...bytes];
}
