// Reads a file of tiktoken ranks: one token a line, as base64, a space and the token's rank, which is also its id.
import { createReadStream } from 'node:fs';
import { errorText } from '../../base/error-text.ts';
import { InputError } from '../errors.ts';

/** Far above any vocabulary in use. A larger rank is a fault of the file, and must not make the reader allocate. */
const MAX_RANKS = 1 << 21;
/** In bytes, without the line's end. The longest line of o200k_base has 179. */
const MAX_LINE = 2048;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Returns the tokens in the order of their ranks, which are 0 to n - 1. Each character of a token is one byte (latin1). Throws an
 * InputError that names file and line if the file is not a complete list of ranks.
 */
export async function readRanks(path: string): Promise<string[]> {
  const tokens: string[] = [];
  const lineOfRank: number[] = [];
  const lineOfToken = new Map<string, number>();
  let line = 0;
  const take = (text: string) => {
    line++;
    if (text === '') return;
    const fault = (problem: string) => new InputError(`${path}: line ${line}: ${problem}`);
    const { token, rank } = parseLine(text, fault);
    const earlier = lineOfRank[rank];
    if (earlier !== undefined) throw fault(`rank ${rank} is given again, after line ${earlier}`);
    const same = lineOfToken.get(token);
    if (same !== undefined) throw fault(`the token ${written(text)} is given again, after line ${same}`);
    tokens[rank] = token;
    lineOfRank[rank] = line;
    lineOfToken.set(token, line);
  };
  await eachLine(path, take);
  requireComplete(tokens, lineOfRank, path);
  for (let byte = 0; byte < 256; byte++) {
    if (lineOfToken.has(String.fromCharCode(byte))) continue;
    const hex = byte.toString(16).padStart(2, '0');
    throw new InputError(
      `${path}: no line gives the byte 0x${hex} a rank (as ${Buffer.of(byte).toString('base64')}), so some texts would have no tokens`,
    );
  }
  return tokens;
}

function parseLine(text: string, fault: (problem: string) => Error): { token: string; rank: number } {
  const space = text.indexOf(' ');
  if (space === -1) throw fault(`${written(text)} is not a token in base64, a space and a rank`);
  const [base64, digits] = [text.slice(0, space), text.slice(space + 1)];
  if (base64 === '' || !BASE64.test(base64)) throw fault(`${written(base64)} is not base64`);
  const rank = Number(digits);
  if (!/^\d{1,9}$/.test(digits) || rank >= MAX_RANKS) {
    throw fault(`${written(digits)} is not a rank, which is a whole number below ${MAX_RANKS}`);
  }
  return { token: Buffer.from(base64, 'base64').toString('latin1'), rank };
}

/** Throws unless every rank up to the highest has a token. */
function requireComplete(tokens: readonly string[], lineOfRank: readonly number[], path: string): void {
  if (tokens.length === 0) throw new InputError(`${path}: has no line; a token and a rank were expected`);
  for (let rank = 0; rank < tokens.length; rank++) {
    if (tokens[rank] !== undefined) continue;
    let next = rank;
    while (tokens[next] === undefined) next++;
    throw new InputError(
      `${path}: line ${lineOfRank[next]}: gives rank ${next}, but no line gives rank ${rank}`,
    );
  }
}

/** The beginning of a text that may be long or unprintable, for an error message of one line. */
function written(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** Calls `take` with each line of the file, without its end. Holds one piece of the file in memory. */
async function eachLine(path: string, take: (text: string) => void): Promise<void> {
  let rest = '';
  let count = 0;
  const requireShort = (line: string) => {
    if (line.length <= MAX_LINE) return;
    throw new InputError(
      `${path}: line ${count + 1}: has more than ${MAX_LINE} bytes; it is no list of ranks`,
    );
  };
  const end = (line: string) => {
    requireShort(line);
    count++;
    take(line.endsWith('\r') ? line.slice(0, -1) : line);
  };
  try {
    for await (const piece of createReadStream(path, { encoding: 'latin1', highWaterMark: 1 << 18 })) {
      const lines = `${rest}${String(piece)}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) end(line);
      requireShort(rest);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be read: ${errorText(error)}`, { cause: error });
  }
  if (rest !== '') end(rest);
}
