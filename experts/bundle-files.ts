// The call `bundle.read`, by which other shards fetch the files of this shard's bundles in pieces.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../base/text.ts';
import { RpcError } from '../rpc/errors.ts';
import type { Handlers, Params, Value } from '../rpc/transport.ts';
import { binary, integer, map, string } from './fields.ts';

/** Most bytes of one piece. */
export const PIECE = 1024 * 1024;

export interface ReadableBundle {
  dir: string;
  identity: string;
  /** Names of the files that may be read. */
  files: ReadonlySet<string>;
}

/** Most pieces that are read at the same time, over all callers. Further calls are answered `busy`. */
const AT_ONCE = 8;

/** A call without `model` reads from the first bundle. */
export function bundleHandlers(bundles: readonly ReadableBundle[]): Handlers {
  let reading = 0;
  return {
    async 'bundle.read'(params) {
      if (reading >= AT_ONCE) {
        throw new RpcError('busy', `${AT_ONCE} pieces are being read already`, { retryAfterMs: 20 });
      }
      const { model, file, offset, length } = parseRead(params);
      const bundle = bundles.find(({ identity }) => model === undefined || identity === model);
      if (bundle === undefined) throw new RpcError('not_held', 'this shard has no bundle of that model');
      if (!bundle.files.has(file)) throw new RpcError('invalid', `the bundle has no file ${quoted(file)}`);
      reading++;
      try {
        return await readPiece(join(bundle.dir, file), offset, length);
      } finally {
        reading--;
      }
    },
  };
}

async function readPiece(path: string, offset: number, length: number) {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const wanted = Math.max(0, Math.min(length, PIECE, size - offset));
    const { buffer, bytesRead } = await handle.read(new Uint8Array(wanted), 0, wanted, offset);
    return { bytes: buffer.subarray(0, bytesRead), size };
  } finally {
    await handle.close();
  }
}

function parseRead(params: Params) {
  const model = params.model === undefined ? undefined : string(params, 'model');
  const [offset, length] = [integer(params, 'offset'), integer(params, 'length')];
  return { model, file: string(params, 'file'), offset, length };
}

/** The returned `size` is that of the whole file in bytes. Throws if the answer has more bytes than `asked`, the requested length. */
export function parseFilePiece(value: Value, asked = PIECE) {
  const answer = map(value, 'the answer to bundle.read');
  const bytes = binary(answer, 'bytes');
  const limit = Math.min(asked, PIECE);
  if (bytes.length > limit) {
    throw new RpcError('invalid', `the answer to bundle.read has ${bytes.length} bytes, more than ${limit}`);
  }
  return { bytes, size: integer(answer, 'size') };
}
