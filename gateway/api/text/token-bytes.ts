// Decodes the spelling of a token in tokenizer.json to the bytes that the token stands for.

/**
 * `byte-level`: each byte is written as a printable character, as in GPT-2. `sentencepiece`: plain text in which `▁` is a space; a
 * single byte is written as `<0xNN>`.
 */
export type Spelling = 'byte-level' | 'sentencepiece';

const symbolToByte = byteSymbols();
const encoder = new TextEncoder();

export function tokenBytes(token: string, spelling: Spelling): Uint8Array {
  return spelling === 'byte-level' ? byteLevelBytes(token) : sentencePieceBytes(token);
}

/** As in Hugging Face's decoder, a token stands for its own text if one of its characters does not stand for a byte. */
function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const symbol of token) {
    const byte = symbolToByte.get(symbol);
    if (byte === undefined) return encoder.encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function sentencePieceBytes(token: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
  if (byte?.[1] !== undefined) return Uint8Array.of(Number.parseInt(byte[1], 16));
  return encoder.encode(token.replaceAll('▁', ' '));
}

/** The byte of each character. Printable bytes are written as themselves; the other bytes, in order, as code points from 256 on. */
function byteSymbols(): Map<string, number> {
  const symbols = new Map<string, number>();
  let hidden = 0;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    symbols.set(String.fromCodePoint(printable ? byte : 256 + hidden++), byte);
  }
  return symbols;
}

interface DecoderJson {
  type?: string;
  decoders?: DecoderJson[];
}

/** The spelling that the field `decoder` of tokenizer.json implies. Throws for unsupported decoders. */
export function spellingOf(decoder: unknown): Spelling {
  const types = decoderTypes(decoder);
  const known = (allowed: string[]) => types.every((type) => allowed.includes(type));
  if (types.includes('ByteLevel') && known(['ByteLevel', 'Fuse'])) return 'byte-level';
  const sentencePiece = types.includes('ByteFallback') || types.includes('Metaspace');
  if (sentencePiece && known(['Replace', 'ByteFallback', 'Fuse', 'Strip', 'Metaspace']))
    return 'sentencepiece';
  throw new Error(
    `tokenizer.json: decoder ${types.join(', ') || 'null'} is not supported; byte-level and SentencePiece-style decoders are`,
  );
}

function decoderTypes(decoder: unknown): string[] {
  const { type, decoders } = (decoder ?? {}) as DecoderJson;
  if (type === 'Sequence') return (decoders ?? []).flatMap(decoderTypes);
  return type === undefined ? [] : [type];
}
