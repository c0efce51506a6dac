// Walks MessagePack bytes without building anything, so that a small frame cannot make the decoder allocate or recurse
// without bound. Pure; decodes nothing.
import { RpcError } from './errors.ts';

const maxDepth = 16;
/** Values in a message. The largest honest one, a hello with every unit listed singly, stays far below. */
const maxValues = 200_000;

/** Throws unless `bytes` is exactly one MessagePack value of bounded depth, with string keys and no extension types. */
export function inspectMessagePack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let values = 0;

  function take(count: number): number {
    const start = at;
    if (count > bytes.length - at) refuse('ends in the middle of a value');
    at += count;
    return start;
  }

  function value(depth: number, keyOnly: boolean): void {
    if (++values > maxValues) refuse(`holds more than ${maxValues} values`);
    const tag = view.getUint8(take(1));
    const text = stringBytes(tag);
    if (text !== undefined) {
      take(text);
      return;
    }
    if (keyOnly) refuse('has a map key that is not a string');
    if (tag <= 0x7f || tag >= 0xe0) return; // fixint
    if (tag <= 0x8f) {
      map(tag & 0x0f, depth);
      return;
    }
    if (tag <= 0x9f) {
      array(tag & 0x0f, depth);
      return;
    }
    switch (tag) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return;
      case 0xc4: // bin 8
        take(view.getUint8(take(1)));
        return;
      case 0xc5: // bin 16
        take(view.getUint16(take(2)));
        return;
      case 0xc6: // bin 32
        take(view.getUint32(take(4)));
        return;
      case 0xcc: // uint 8
      case 0xd0: // int 8
        take(1);
        return;
      case 0xcd: // uint 16
      case 0xd1: // int 16
        take(2);
        return;
      case 0xca: // float 32
      case 0xce: // uint 32
      case 0xd2: // int 32
        take(4);
        return;
      case 0xcb: // float 64
      case 0xcf: // uint 64
      case 0xd3: // int 64
        take(8);
        return;
      case 0xdc:
        array(view.getUint16(take(2)), depth);
        return;
      case 0xdd:
        array(view.getUint32(take(4)), depth);
        return;
      case 0xde:
        map(view.getUint16(take(2)), depth);
        return;
      case 0xdf:
        map(view.getUint32(take(4)), depth);
        return;
      default:
        refuse(`has a value of type 0x${tag.toString(16)}, which the protocol does not use`);
    }
  }

  /** Length of the string that `tag` starts, or undefined where it starts none. */
  function stringBytes(tag: number): number | undefined {
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    if (tag === 0xd9) return view.getUint8(take(1));
    if (tag === 0xda) return view.getUint16(take(2));
    if (tag === 0xdb) return view.getUint32(take(4));
    return undefined;
  }

  function array(count: number, depth: number): void {
    enter(count, depth);
    for (let i = 0; i < count; i++) value(depth + 1, false);
  }

  function map(count: number, depth: number): void {
    enter(2 * count, depth);
    for (let i = 0; i < count; i++) {
      value(depth + 1, true);
      value(depth + 1, false);
    }
  }

  function enter(count: number, depth: number): void {
    if (depth >= maxDepth) refuse(`is nested deeper than ${maxDepth}`);
    if (count > bytes.length - at) refuse(`announces ${count} values in ${bytes.length - at} bytes`);
  }

  value(0, false);
  if (at !== bytes.length) refuse(`has ${bytes.length - at} bytes after its value`);
}

function refuse(what: string): never {
  throw new RpcError('invalid', `malformed message: it ${what}`);
}
