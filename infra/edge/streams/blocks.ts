// Splits a stream of server-sent events into whole blocks, takes the lines of the record out of them, and finds the end of the stream.
// Pure.
//
// Worked example: after the bytes `:r 0 1 2 0 0 - 7 kT9\ndata: {"a":1}\n\ndata: {"b` the block `data: {"a":1}\n\n` is forwarded, the
// record has progressed by one event, and `data: {"b` is held until its block is complete.
import { HEAD_LINE, MOVED_LINE, RECORD_LINE, type RecordReader } from '../../../resume/record.ts';
import { readUsageReport, USAGE_LINE, type UsageReport } from '../../../resume/usage-report.ts';
import { joined } from '../ask.ts';
import { ENDING_LENGTH, isEnding } from './endings.ts';

const NEWLINE = 0x0a;
const COLON = 0x3a;
const D = 0x64;

/** What the bytes of one read contain. */
export interface Taken {
  /** Whole blocks for the client, without the lines of the record. */
  forward: Uint8Array[];
  /** - `ended`: the stream is complete. `moved`: another gateway should continue it. `broken`: the gateway wrote a bad line. */
  state: 'open' | 'ended' | 'moved' | 'broken';
  /** Number of events in `forward`. Comments do not count. */
  events: number;
}

interface Block {
  forward: Uint8Array | undefined;
  state: Taken['state'];
  isEvent: boolean;
}

export class Blocks {
  /** The address that a `moved` block names. Undefined if it names none. */
  movedTo: string | undefined;
  /** The last report of the usage. Undefined if there was none yet. */
  usage: UsageReport | undefined;
  readonly #record: RecordReader;
  #held: Uint8Array[] = [];
  /** Whether the held bytes end with a newline. */
  #heldLine = false;

  /** The lines of the record go to `record`. */
  constructor(record: RecordReader) {
    this.#record = record;
  }

  /** Forgets the bytes of an incomplete block, because another gateway will write it again. */
  clear(): void {
    this.#held = [];
    this.#heldLine = false;
  }

  /** Stops at a block that is `moved` or `broken`. */
  push(bytes: Uint8Array): Taken {
    const taken: Taken = { forward: [], state: 'open', events: 0 };
    let start = 0;
    for (let end = this.#endAfter(bytes, 0); end > 0; end = this.#endAfter(bytes, start)) {
      const block = this.#take(this.#whole(bytes.subarray(start, end)));
      start = end;
      if (block.forward !== undefined) taken.forward.push(block.forward);
      if (block.isEvent) taken.events++;
      if (block.state !== 'open') taken.state = block.state;
      if (taken.state === 'moved' || taken.state === 'broken') return taken;
    }
    if (start < bytes.length) {
      this.#held.push(bytes.subarray(start));
      this.#heldLine = bytes[bytes.length - 1] === NEWLINE;
    }
    return taken;
  }

  /** The end of the block that begins at `start`, or 0. A block ends with an empty line. */
  #endAfter(bytes: Uint8Array, start: number): number {
    const continues = start === 0 && this.#held.length > 0;
    let line = start;
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, line);
      if (newline < 0) return 0;
      const isEmpty = newline === line && (line > start || !continues || this.#heldLine);
      if (isEmpty) return newline + 1;
      line = newline + 1;
    }
  }

  #whole(bytes: Uint8Array): Uint8Array {
    if (this.#held.length === 0) return bytes;
    const whole = joined([...this.#held, bytes]);
    this.clear();
    return whole;
  }

  #take(block: Uint8Array): Block {
    const kept: Uint8Array[] = [];
    let state: Block['state'] = 'open';
    let isEvent = false;
    let from = 0;
    for (let at = 0; at < block.length; ) {
      const next = block.indexOf(NEWLINE, at) + 1;
      const line = block.subarray(at, next - 1);
      if (line[0] !== COLON) {
        isEvent ||= line[0] === D;
        if (line.length > 0 && isEnding(textOf(line.subarray(0, ENDING_LENGTH)))) state = 'ended';
      } else {
        const found = this.#takeComment(line);
        if (found === 'moved' || found === 'broken')
          return { forward: undefined, state: found, isEvent: false };
        if (found === 'record') {
          if (at > from) kept.push(block.subarray(from, at));
          from = next;
        }
      }
      at = next;
    }
    // If the block had only lines of the record, nothing but its empty line is left.
    if (kept.length === 0 && from > 0 && from === block.length - 1)
      return { forward: undefined, state, isEvent };
    const rest = block.subarray(from);
    return { forward: kept.length === 0 ? rest : joined([...kept, rest]), state, isEvent };
  }

  #takeComment(line: Uint8Array): 'record' | 'moved' | 'broken' | 'comment' {
    const start = textOf(line.subarray(0, HEAD_LINE.length));
    if (start.startsWith(MOVED_LINE)) {
      this.movedTo = textOf(line.subarray(MOVED_LINE.length)).trim() || undefined;
      return 'moved';
    }
    if (start === USAGE_LINE) {
      this.usage = readUsageReport(textOf(line.subarray(USAGE_LINE.length))) ?? this.usage;
      return 'record';
    }
    if (start !== HEAD_LINE && start !== RECORD_LINE) return 'comment';
    try {
      return this.#record.take(textOf(line)) ? 'record' : 'comment';
    } catch {
      return 'broken';
    }
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false });

function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
