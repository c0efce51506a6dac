// Encodes messages as MessagePack, and decodes them. The only importer of msgpackr.
import { Packr, RESERVE_START_SPACE } from 'msgpackr';
import { RpcError } from './errors.ts';
import { inspectMessagePack } from './inspect.ts';
import { type Message, messageToValue, parseMessage } from './messages.ts';
import type { Value } from './transport.ts';

// Plain MessagePack: no records (an extension of msgpackr), the shortest map headers, 64-bit integers as numbers.
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

/** The result begins with `reserve` free bytes (at most 255) for the frame's header. */
export function encodeMessage(message: Message, reserve = 0): Buffer {
  const value = messageToValue(message);
  assertPlain(value);
  return packr.pack(value, RESERVE_START_SPACE + reserve);
}

/** Binary values of the result are views of `bytes`. Throws `invalid` unless `bytes` are exactly one well-formed message. */
export function decodeMessage(bytes: Uint8Array): Message {
  inspectMessagePack(bytes);
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw new RpcError('invalid', 'malformed message: it cannot be decoded', { cause });
  }
  return parseMessage(value as Value); // bytes that passed the inspection always decode to a `Value`
}

/** Needed because msgpackr silently corrupts a Float32Array and turns `undefined` into an extension type. */
function assertPlain(value: unknown): void {
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return;
  if (value instanceof Uint8Array) return;
  if (typeof value === 'object' && !ArrayBuffer.isView(value)) {
    if (Array.isArray(value)) for (const part of value) assertPlain(part);
    else for (const name in value) assertPlain(Reflect.get(value, name));
    return;
  }
  const what = ArrayBuffer.isView(value) ? value.constructor.name : typeof value;
  throw new RpcError('invalid', `a message cannot hold a value of type ${what}`);
}
