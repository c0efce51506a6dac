// Does one task of a conversion: reads the source of its tensors slice by slice, encodes the values, hashes source and result,
// and writes. The code is synchronous, because it runs in a thread of its own.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { shorten } from '../bundle/hash.ts';
import { BadValuesError, diskFault, tensorError } from '../errors.ts';
import { readExactlySync } from '../reading/read-exactly.ts';
import type { Encoding } from '../tensor.ts';
import { dequantize, matrixBytes, TILE_ROWS } from '../tiles.ts';
import { encode } from './encode.ts';
import { fillRandom } from './random.ts';
import { addStrip, noErrors } from './report/errors.ts';
import { readStrip } from './storage/read-strip.ts';
import type { Strip } from './storage/storage.ts';
import type { Part, Task, TaskResult } from './task.ts';

/** Values in a slice: enough for fast reads from disk, and few enough to stay in the second-level cache. */
const SLICE_VALUES = 1 << 20;

/** Thrown between two slices after a stop was requested. */
export class Stopped extends Error {}

interface TaskHooks {
  /** Called between slices. */
  isStopped: () => boolean;
  onBytes: (sourceBytes: number) => void;
}

/** Where a part is written, and whether its errors are measured. */
interface PartPlace extends Pick<Task, 'measured'> {
  path: string;
  position: number;
}

/** Does tasks one after another. Files stay open and buffers stay allocated between tasks, until `close` is called. */
export class TaskRunner {
  readonly #hooks: TaskHooks;
  readonly #readers = new Map<string, number>();
  readonly #writers = new Map<string, number>();
  #source = Buffer.alloc(0);
  #values = new Float32Array(0);
  #out = Buffer.alloc(0);

  constructor(hooks: TaskHooks) {
    this.#hooks = hooks;
  }

  task(task: Task): TaskResult {
    const { id, path, offset, parts, measured, recorded, sourceBytes } = task;
    if (recorded !== undefined && this.#isWhole(task)) {
      this.#hooks.onBytes(sourceBytes);
      return { id, hash: recorded };
    }
    const hash = createHash('sha256');
    let position = offset;
    const done = parts.map((part) => {
      try {
        const onBytes = (bytes: Uint8Array): void => void hash.update(bytes);
        return this.#part(part, { path, position, measured }, onBytes);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const { message } = tensorError(part.sourcePath ?? path, part.sourceName, error.message);
        throw new BadValuesError(message, { cause: error });
      } finally {
        position += matrixBytes(part.encoding, part.rows, part.cols);
      }
    });
    const sourceHashes = done.map(({ sourceHash }) => sourceHash);
    const errors = measured && { errors: done.map((part) => part.errors) };
    return { id, hash: shorten(hash.digest('hex')), sourceHashes, ...errors };
  }

  close(): void {
    for (const opened of [...this.#readers.values(), ...this.#writers.values()]) closeSync(opened);
  }

  /** Encodes one part to byte `position` of the file `path`. Returns the short hash of the part's source bytes, and its errors. */
  #part(part: Part, { path, position, measured }: PartPlace, hashOut: (bytes: Uint8Array) => void) {
    const { rows, cols, encoding } = part;
    const sourceHash = createHash('sha256');
    const rowsAtOnce = Math.max(TILE_ROWS, Math.floor(SLICE_VALUES / cols / TILE_ROWS) * TILE_ROWS);
    this.#makeRoom(Math.min(rows, rowsAtOnce), cols, encoding);
    const writer = descriptor(this.#writers, path, 'r+');
    let written = 0;
    let errors = noErrors;
    for (let row = 0; row < rows; row += rowsAtOnce) {
      if (this.#hooks.isStopped()) throw new Stopped();
      const count = Math.min(rowsAtOnce, rows - row);
      const values = this.#values.subarray(0, count * cols);
      this.#readSlice(part, { first: row, count }, values, sourceHash);
      const out = this.#out.subarray(0, matrixBytes(encoding, count, cols));
      const matrix = { encoding, rows: count, cols, data: out };
      encode(values, matrix);
      if (measured) errors = addStrip(errors, values, dequantize(matrix));
      hashOut(out);
      writeAll(writer, out, position + written, path);
      written += out.length;
      this.#hooks.onBytes((part.sourceBytes * count) / rows);
    }
    return { sourceHash: shorten(sourceHash.digest('hex')), errors };
  }

  /** Fills `values` with the strip's rows of the part. */
  #readSlice({ cols, source }: Part, strip: Strip, values: Float32Array, hash: Hash): void {
    if (source.kind === 'random') {
      fillRandom(values, strip.first * cols, source.key, source.mean, source.deviation);
      return;
    }
    const read = (path: string, start: number, length: number): Uint8Array => {
      if (this.#source.length < length) this.#source = Buffer.alloc(length);
      const bytes = this.#source.subarray(0, length);
      readExactlySync(descriptor(this.#readers, path, 'r'), bytes, start, path);
      hash.update(bytes);
      return bytes;
    };
    readStrip(source, strip, read, values);
  }

  #makeRoom(rows: number, cols: number, encoding: Encoding): void {
    if (this.#values.length < rows * cols) this.#values = new Float32Array(rows * cols);
    const outBytes = matrixBytes(encoding, rows, cols);
    if (this.#out.length < outBytes) this.#out = Buffer.alloc(outBytes);
  }

  /** Whether the bytes on disk are those that an earlier run recorded. */
  #isWhole({ path, offset, bytes, recorded }: Task): boolean {
    const hash = createHash('sha256');
    if (this.#out.length < SLICE_VALUES) this.#out = Buffer.alloc(SLICE_VALUES);
    for (let done = 0; done < bytes; done += SLICE_VALUES) {
      if (this.#hooks.isStopped()) throw new Stopped();
      const slice = this.#out.subarray(0, Math.min(SLICE_VALUES, bytes - done));
      readExactlySync(descriptor(this.#writers, path, 'r+'), slice, offset + done, path);
      hash.update(slice);
    }
    return shorten(hash.digest('hex')) === recorded;
  }
}

function descriptor(open: Map<string, number>, path: string, flags: string): number {
  const known = open.get(path) ?? openSync(path, flags);
  open.set(path, known);
  return known;
}

function writeAll(descriptor: number, from: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < from.length; ) {
    try {
      done += writeSync(descriptor, from, done, from.length - done, position + done);
    } catch (cause) {
      throw diskFault(cause, path);
    }
  }
}
