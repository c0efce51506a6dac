// The record of a stream: how much of each choice has been generated and released. A gateway writes it as comment lines into a stream of
// server-sent events, and a caller that has read them can let another gateway continue the stream: docs/resume.md. Uses no API of Node
// or Workers.
//
// Worked example, the lines before the second event of a chat. Choice 0 has 2 events with 5 bytes of text and the ids 512 and 7:
//   :r 0 2 5 0 0 - 512,7 kT9…
//   data: {"id":"chatcmpl-…","choices":[{"index":0,"delta":{"content":"Hello"}}]}

/** Version of the lines and of the record's JSON. */
export const RECORD_VERSION = 1;

/** `:h`, the head as JSON, and its seal. Stands before the first event. */
export const HEAD_LINE = ':h ';
/** Stands before each event. `RecordLine` has its fields. */
export const RECORD_LINE = ':r ';
/** The gateway leaves service: the stream ends here, and another gateway should continue it. */
export const MOVED_LINE = ':m';

/** Stands for an empty list of ids or hops. */
const NONE = '-';

/** The choice of events that belong to no choice, such as the usage at the end. */
export const NO_CHOICE = -1;

/** The progress of one choice. All numbers count from the start of the stream. */
export interface ChoiceProgress {
  /** Number of events. */
  events: number;
  /** UTF-8 bytes of text: content, reasoning, and arguments of tool calls. */
  bytes: number;
  /** Number of events about tool calls. */
  calls: number;
  /** Number of tokens whose log-probabilities, digests or routes were sent. */
  entries: number;
  /** Experts' answers that were replaced, by rung of the degradation ladder: `standby:3,next_best:1`, or `-`. */
  hops: string;
  /** Generated token ids, separated by commas; empty at first. Text of some of them may not have been sent yet. */
  ids: string;
}

/** The line of one event. `ids` are those generated since the choice's last line; all other fields are as in `ChoiceProgress`. */
export interface RecordLine extends ChoiceProgress {
  choice: number;
  seal: string;
}

/** What a caller sends to continue a stream, in front of the original body. */
export interface StreamRecord {
  /** The JSON text of the head, as it stood in the stream. */
  head: string;
  /** By choice; `-1` for events that belong to no choice. */
  choices: Record<string, ChoiceProgress>;
  /** The seal of the last line. */
  seal: string;
  /** Whether a gateway of another numerics class or text version may continue the stream. */
  other_class?: boolean;
}

export const noProgress: ChoiceProgress = { events: 0, bytes: 0, calls: 0, entries: 0, hops: NONE, ids: '' };

export function writeLine({ choice, events, bytes, calls, entries, hops, ids, seal }: RecordLine): string {
  return `${RECORD_LINE}${choice} ${events} ${bytes} ${calls} ${entries} ${hops} ${ids || NONE} ${seal}\n`;
}

/** Undefined if the line is not a valid `RECORD_LINE`. */
export function readLine(line: string): RecordLine | undefined {
  const found = /^:r (-1|\d+) (\d+) (\d+) (\d+) (\d+) (\S+) ([\d,]+|-) (\S+)$/.exec(line);
  if (found === null) return undefined;
  const [, choice, events, bytes, calls, entries, hops = NONE, ids = NONE, seal = ''] = found;
  return {
    choice: Number(choice),
    events: Number(events),
    bytes: Number(bytes),
    calls: Number(calls),
    entries: Number(entries),
    hops,
    ids: ids === NONE ? '' : ids,
    seal,
  };
}

export function joinIds(before: string, more: string): string {
  return before === '' || more === '' ? before + more : `${before},${more}`;
}

/**
 * The text whose HMAC is the seal of a record: the SHA-256 of the head in hexadecimal, and a line of `choiceSum` for each choice, in
 * ascending order. It covers everything in the record, so that no part can be exchanged.
 */
export function textToSeal(headHash: string, sums: readonly string[]): string {
  return `${headHash}\n${sums.join('\n')}`;
}

/** The sealed text of one choice. `idsHash` is the SHA-256 of `ids` in hexadecimal. */
export function choiceSum(choice: number, progress: Omit<ChoiceProgress, 'ids'>, idsHash: string): string {
  const { events, bytes, calls, entries, hops } = progress;
  return `${choice} ${events} ${bytes} ${calls} ${entries} ${hops} ${idsHash}`;
}

/** Collects the lines of a stream into the record that continues it. */
export class RecordReader {
  #head: string | undefined;
  #seal = '';
  readonly #choices = new Map<number, ChoiceProgress>();

  /** Takes a line of the stream. Returns whether it belongs to the record; other lines belong to events. */
  take(line: string): boolean {
    if (line.startsWith(HEAD_LINE)) {
      const end = line.lastIndexOf(' ');
      this.#head = line.slice(HEAD_LINE.length, end);
      this.#seal = line.slice(end + 1);
      return true;
    }
    if (!line.startsWith(RECORD_LINE)) return false;
    const read = readLine(line);
    if (read === undefined) throw new Error('the gateway sent a record line that cannot be read');
    const { choice, seal, ids, ...counts } = read;
    const before = this.#choices.get(choice)?.ids ?? '';
    this.#choices.set(choice, { ...counts, ids: joinIds(before, ids) });
    this.#seal = seal;
    return true;
  }

  /** Number of tokens that the stream has generated so far. */
  get generated(): number {
    return [...this.#choices.values()].reduce(
      (sum, { ids }) => sum + (ids === '' ? 0 : ids.split(',').length),
      0,
    );
  }

  /** The record so far. Undefined if the stream has no head yet, so that the request can only be repeated. */
  get record(): StreamRecord | undefined {
    if (this.#head === undefined) return undefined;
    const choices = Object.fromEntries(this.#choices);
    return { head: this.#head, choices, seal: this.#seal };
  }
}
