// Reads the files of a bundle from another shard, for `--model shard://HOST:PORT/`.
import { setTimeout as delay } from 'node:timers/promises';
import { version } from '../../base/package.ts';
import { PIECE, parseFilePiece } from '../../experts/bundle-files.ts';
import { helloParams, PROTOCOL_VERSION } from '../../experts/wire/hello.ts';
import type { RemoteFiles } from '../../model/bundle/source.ts';
import { InputError } from '../../model/errors.ts';
import { parseAddress } from '../../rpc/address.ts';
import { toRpcError } from '../../rpc/errors.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Transport } from '../../rpc/transport.ts';

/** Deadline of one `bundle.read` call. */
const PIECE_MS = 30_000;
/**
 * Largest file that is read as a whole, in bytes. The memory is allocated before the bytes arrive, so a wrong size from the other
 * shard must not exhaust it. Files that are read as a whole contain no weights.
 */
const LARGEST_WHOLE = 2 ** 30;

/** The form is `shard://HOST:PORT/`, or `shard://HOST:PORT/IDENTITY` if that shard has several models. */
export function isPeer(model: string): boolean {
  return model.startsWith('shard://');
}

/** Connects at the first read, and again at the next read if the connection was lost. */
export function peerFiles(model: string, security: Credentials | undefined): RemoteFiles {
  const [, host = '', identity = ''] = /^shard:\/\/([^/]+)\/?(.*)$/.exec(model) ?? [];
  const address = parseAddress(host);
  const place = (file: string) => `shard://${host}/${file}`;
  let transport: Promise<Transport> | undefined;
  const forget = () => {
    transport = undefined;
  };
  const connect = () => {
    const hello = helloParams({ protocol: PROTOCOL_VERSION, role: 'gateway', version });
    const opening = openSocketTransport(address, {
      hello,
      ...(security && { security }),
      onClose: forget,
    });
    opening.catch(forget); // the caller receives the error
    return opening;
  };

  async function piece(file: string, offset: number, length: number, signal?: AbortSignal) {
    const params = { file, offset, length, ...(identity !== '' && { model: identity }) };
    const options = { deadlineMs: PIECE_MS, bulk: true, ...(signal && { signal }) };
    for (;;) {
      try {
        transport ??= connect();
        return parseFilePiece(await (await transport).call('bundle.read', params, options), length);
      } catch (cause) {
        const { code, message, retryAfterMs = 20 } = toRpcError(cause);
        if (code !== 'busy') throw new InputError(`${place(file)}: ${message}`, { cause });
        await delay(retryAfterMs, undefined, signal && { signal });
      }
    }
  }

  return {
    place,
    async read(file, range, signal) {
      const start = range?.start ?? 0;
      const first = await piece(file, start, range?.length ?? PIECE, signal);
      const length = range?.length ?? first.size;
      if (range === undefined && length > LARGEST_WHOLE) {
        throw new InputError(
          `${place(file)}: the shard reports ${length} bytes; at most ${LARGEST_WHOLE} are read`,
        );
      }
      if (start + length > first.size)
        throw new InputError(`${place(file)}: the file has only ${first.size} bytes`);
      const whole = new Uint8Array(length);
      whole.set(first.bytes);
      for (let at = first.bytes.length; at < length; ) {
        const { bytes } = await piece(file, start + at, length - at, signal);
        if (bytes.length === 0) throw new InputError(`${place(file)}: the file ended early`);
        whole.set(bytes, at);
        at += bytes.length;
      }
      return whole;
    },
  };
}
