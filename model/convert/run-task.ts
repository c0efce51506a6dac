// Does one task: reads a tensor's source slice by slice, encodes, hashes both sides, writes. Synchronous: it runs in a
// thread of its own. Knows no journal, no other tasks.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { shorten } from '../bundle/hash.ts';
import { diskFault, InputError, tensorError } from '../errors.ts';
import { matrixBytes, TILE_ROWS } from '../tiles.ts';
import { DTYPE_WIDTH, decode, encode } from './encode.ts';
import { fillRandom } from './random.ts';
import type { Part, Task, TaskResult } from './task.ts';

/** Values handled at a time: large enough for the disk, small enough for the caches' second level to help. */
const SLICE_VALUES = 1 << 20;

/** Thrown between slices once a stop was asked for. */
export class Stopped extends Error {}

export interface TaskHooks {
  /** Asked between slices. */
  isStopped: () => boolean;
  onBytes: (sourceBytes: number) => void;
}

/** Keeps files open and buffers warm from task to task, until closed. */
export interface TaskRunner {
  task(task: Task): TaskResult;
  close(): void;
}

export function createTaskRunner({ isStopped, onBytes }: TaskHooks): TaskRunner {
  const readers = new Map<string, number>();
  const writers = new Map<string, number>();
  const scratch = { source: Buffer.alloc(0), values: new Float32Array(0), out: Buffer.alloc(0) };

  const descriptor = (open: Map<string, number>, path: string, flags: string): number => {
    const known = open.get(path) ?? openSync(path, flags);
    open.set(path, known);
    return known;
  };

  function runPart(part: Part, path: string, position: number, hashOut: (bytes: Uint8Array) => void): string {
    const { rows, cols, encoding, source } = part;
    const sourceHash = createHash('sha256');
    const rowsAtOnce = Math.max(TILE_ROWS, Math.floor(SLICE_VALUES / cols / TILE_ROWS) * TILE_ROWS);
    const largest = Math.min(rows, rowsAtOnce);
    if (scratch.values.length < largest * cols) scratch.values = new Float32Array(largest * cols);
    if (scratch.source.length < largest * cols * 4) scratch.source = Buffer.alloc(largest * cols * 4);
    const outBytes = matrixBytes(encoding, largest, cols);
    if (scratch.out.length < outBytes) scratch.out = Buffer.alloc(outBytes);
    let written = 0;
    for (let row = 0; row < rows; row += rowsAtOnce) {
      if (isStopped()) throw new Stopped();
      const count = Math.min(rowsAtOnce, rows - row);
      const values = scratch.values.subarray(0, count * cols);
      let sourceBytes = values.byteLength;
      if (source.kind === 'random') {
        fillRandom(values, row * cols, source.key, source.mean, source.deviation);
      } else {
        const width = cols * DTYPE_WIDTH[source.dtype];
        sourceBytes = count * width;
        const bytes = scratch.source.subarray(0, sourceBytes);
        readAll(descriptor(readers, source.path, 'r'), bytes, source.start + row * width, source.path);
        sourceHash.update(bytes);
        decode(bytes, source.dtype, values);
      }
      const out = scratch.out.subarray(0, matrixBytes(encoding, count, cols));
      encode(values, count, cols, encoding, out);
      hashOut(out);
      writeAll(descriptor(writers, path, 'r+'), out, position + written, path);
      written += out.length;
      onBytes(sourceBytes);
    }
    return shorten(sourceHash.digest('hex'));
  }

  function isWhole({ path, offset, bytes, recorded }: Task): boolean {
    const hash = createHash('sha256');
    if (scratch.out.length < SLICE_VALUES) scratch.out = Buffer.alloc(SLICE_VALUES);
    for (let done = 0; done < bytes; done += SLICE_VALUES) {
      if (isStopped()) throw new Stopped();
      const slice = scratch.out.subarray(0, Math.min(SLICE_VALUES, bytes - done));
      readAll(descriptor(writers, path, 'r+'), slice, offset + done, path);
      hash.update(slice);
    }
    return shorten(hash.digest('hex')) === recorded;
  }

  function runTask(task: Task): TaskResult {
    const { id, path, offset, parts, recorded, sourceBytes } = task;
    if (recorded !== undefined && isWhole(task)) {
      onBytes(sourceBytes);
      return { id, hash: recorded };
    }
    const hash = createHash('sha256');
    let position = offset;
    const sourceHashes = parts.map((part) => {
      try {
        return runPart(part, path, position, (bytes) => hash.update(bytes));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const file = part.source.kind === 'file' ? part.source.path : path;
        throw tensorError(file, part.sourceName, error.message);
      } finally {
        position += matrixBytes(part.encoding, part.rows, part.cols);
      }
    });
    return { id, hash: shorten(hash.digest('hex')), sourceHashes };
  }

  return {
    task: runTask,
    close() {
      for (const opened of [...readers.values(), ...writers.values()]) closeSync(opened);
    },
  };
}

function readAll(descriptor: number, into: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < into.length; ) {
    const count = readSync(descriptor, into, done, into.length - done, position + done);
    if (count === 0) throw new InputError(`${path}: ends at byte ${position + done}: the file is truncated`);
    done += count;
  }
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
