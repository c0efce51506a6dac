// Checks MessagePack bytes before they are decoded. Otherwise a small frame could make the decoder allocate or recurse without bound.
import { RpcError } from './errors.ts';

const MAX_DEPTH = 16;
/** Most values in a message. The largest valid message, a hello that lists every unit, has far fewer. */
const MAX_VALUES = 200_000;

/** Throws `invalid` unless `bytes` are exactly one MessagePack value of bounded depth, with string keys and no extension types. */
export function inspectMessagePack(bytes: Uint8Array): void {
  new Inspection(bytes).run();
}

/** The layout of the values that begin with the same byte, the tag. */
interface Form {
  kind: 'plain' | 'text' | 'array' | 'map';
  /** Number of bytes (plain, text), elements (array) or entries (map) that follow. Used only if `countBytes` is 0. */
  count: number;
  /** If not 0: the count is not fixed, and this many bytes after the tag hold it. */
  countBytes: 0 | 1 | 2 | 4;
}

function fixed(kind: Form['kind'], count: number): Form {
  return { kind, count, countBytes: 0 };
}

function counted(kind: Form['kind'], countBytes: 1 | 2 | 4): Form {
  return { kind, count: 0, countBytes };
}

const longForms: Readonly<Record<number, Form>> = {
  192: fixed('plain', 0), // nil
  194: fixed('plain', 0), // false
  195: fixed('plain', 0), // true
  196: counted('plain', 1), // bin 8
  197: counted('plain', 2), // bin 16
  198: counted('plain', 4), // bin 32
  202: fixed('plain', 4), // float 32
  203: fixed('plain', 8), // float 64
  204: fixed('plain', 1), // uint 8
  205: fixed('plain', 2), // uint 16
  206: fixed('plain', 4), // uint 32
  207: fixed('plain', 8), // uint 64
  208: fixed('plain', 1), // int 8
  209: fixed('plain', 2), // int 16
  210: fixed('plain', 4), // int 32
  211: fixed('plain', 8), // int 64
  217: counted('text', 1),
  218: counted('text', 2),
  219: counted('text', 4),
  220: counted('array', 2),
  221: counted('array', 4),
  222: counted('map', 2),
  223: counted('map', 4),
};

/** Forms by tag; undefined for tags that the protocol does not use. */
const forms: readonly (Form | undefined)[] = Array.from({ length: 256 }, (_, tag) => {
  if (tag <= 0x7f || tag >= 0xe0) return fixed('plain', 0); // fixint
  if (tag <= 0x8f) return fixed('map', tag & 0x0f);
  if (tag <= 0x9f) return fixed('array', tag & 0x0f);
  if (tag <= 0xbf) return fixed('text', tag & 0x1f);
  return longForms[tag];
});

class Inspection {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): void {
    this.#value(0, false);
    if (this.#left > 0) refuse(`has ${this.#left} bytes after its value`);
  }

  get #left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#left) refuse('ends in the middle of a value');
    this.#at += count;
    return start;
  }

  #value(depth: number, keyOnly: boolean): void {
    if (++this.#values > MAX_VALUES) refuse(`holds more than ${MAX_VALUES} values`);
    const tag = this.#view.getUint8(this.#take(1));
    const form = forms[tag];
    if (keyOnly && form?.kind !== 'text') refuse('has a map key that is not a string');
    if (form === undefined)
      refuse(`has a value of type 0x${tag.toString(16)}, which the protocol does not use`);
    const count = this.#count(form);
    if (form.kind === 'plain' || form.kind === 'text') this.#take(count);
    else this.#elements(count, form.kind === 'map', depth);
  }

  #count({ count, countBytes }: Form): number {
    if (countBytes === 0) return count;
    const at = this.#take(countBytes);
    if (countBytes === 1) return this.#view.getUint8(at);
    return countBytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #elements(count: number, areKeyed: boolean, depth: number): void {
    const values = areKeyed ? 2 * count : count;
    if (depth >= MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH}`);
    if (values > this.#left) refuse(`announces ${values} values in ${this.#left} bytes`);
    for (let i = 0; i < count; i++) {
      if (areKeyed) this.#value(depth + 1, true);
      this.#value(depth + 1, false);
    }
  }
}

function refuse(what: string): never {
  throw new RpcError('invalid', `malformed message: it ${what}`);
}
