// Writes the record of a stream while the stream is sent, and drops the events that an earlier part of the stream has released.
import { createHash, type Hash, hash, type KeyObject } from 'node:crypto';
import {
  type ChoiceProgress,
  choiceSum,
  HEAD_LINE,
  joinIds,
  noProgress,
  textToSeal,
  writeLine,
} from '../../../resume/record.ts';
import type { DegradedHops, Rung } from '../../engine/messages.ts';
import { type Stream, withNext } from '../answers/streams.ts';
import { ApiError } from '../errors.ts';
import type { ReleasedAmounts, ReleasedBy } from './released.ts';
import { sealOf } from './seal.ts';

/** The recorded progress of a choice in the earlier part of a stream. */
export type Recorded = ReadonlyMap<number, ChoiceProgress>;

class ChoiceState {
  readonly choice: number;
  /** The counts that were sent last. */
  readonly counts: Omit<ChoiceProgress, 'ids'>;
  /** Ids since the last line. */
  #ids = '';
  /** The state of the hash of all ids whose lines were sent. */
  readonly #hash: Hash;
  #isFirst: boolean;
  /** The sealed text of the choice, as of its last line. */
  sum = '';

  constructor(choice: number, { ids, ...counts }: ChoiceProgress) {
    this.choice = choice;
    this.counts = counts;
    this.#hash = createHash('sha256').update(ids);
    this.#isFirst = ids === '';
    this.#add();
  }

  add(id: number): void {
    this.#ids = joinIds(this.#ids, String(id));
  }

  /** Returns the ids since the last call, and updates the sum. */
  take(): string {
    const ids = this.#ids;
    if (ids !== '') {
      this.#hash.update(this.#isFirst ? ids : `,${ids}`);
      this.#isFirst = false;
      this.#ids = '';
    }
    this.#add();
    return ids;
  }

  #add(): void {
    this.sum = choiceSum(this.choice, this.counts, this.#hash.copy().digest('hex'));
  }
}

interface RecorderOptions {
  /** JSON text of the head. */
  head: string;
  key: KeyObject;
  /** The record that the stream continues. Absent: the stream is new. */
  recorded?: Recorded;
}

export class Recorder {
  readonly #head: string;
  readonly #headHash: string;
  readonly #key: KeyObject;
  readonly #choices = new Map<number, ChoiceState>();
  /** The choices that have had a line, in ascending order. The reader of the record knows no others. */
  #sent: ChoiceState[] = [];
  /** The amounts that are still to be dropped, by choice. */
  readonly #toDrop: Map<number, Omit<ChoiceProgress, 'ids' | 'hops'>>;
  #headSent = false;

  constructor({ head, key, recorded = new Map() }: RecorderOptions) {
    this.#head = head;
    this.#headHash = hash('sha256', head, 'hex');
    this.#key = key;
    for (const [choice, progress] of recorded) {
      const state = new ChoiceState(choice, progress);
      this.#choices.set(choice, state);
      this.#send(state);
    }
    this.#toDrop = new Map(
      [...recorded]
        .filter(([, { events }]) => events > 0)
        .map(([choice, { events, bytes, calls, entries }]) => [choice, { events, bytes, calls, entries }]),
    );
  }

  /** Notes a generated token. */
  token(choice: number, id: number): void {
    this.#of(choice).add(id);
  }

  /** Notes the hops of a choice so far. */
  hops(choice: number, hops: DegradedHops): void {
    this.#of(choice).counts.hops = hopsText(hops);
  }

  /** The stream without the values that an earlier part of the stream has released. Throws a 409 if they do not fit the record. */
  unreleased<Value extends object>(values: Stream<Value>, releasedBy: ReleasedBy<Value>): Stream<Value> {
    if (this.#toDrop.size === 0) return values;
    const next = async (): Promise<IteratorResult<Value, void>> => {
      for (;;) {
        const result = await values.next();
        if (result.done === true || !this.#drops(releasedBy(result.value))) return result;
      }
    };
    return withNext(values, { next });
  }

  /** The lines that stand before the event of the value. */
  lines(released: ReleasedAmounts): string {
    const { choice } = released;
    const state = this.#of(choice);
    if (state.counts.events === 0) this.#send(state);
    add(state.counts, released);
    const ids = state.take();
    const seal = this.#seal();
    const line = writeLine({ choice, ...state.counts, ids, seal });
    if (this.#headSent) return line;
    this.#headSent = true;
    return `${HEAD_LINE}${this.#head} ${seal}\n${line}`;
  }

  #seal(): string {
    const sums = this.#sent.map(({ sum }) => sum);
    return sealOf(textToSeal(this.#headHash, sums), this.#key);
  }

  #send(state: ChoiceState): void {
    if (!this.#sent.includes(state)) this.#sent = [...this.#sent, state].sort((a, b) => a.choice - b.choice);
  }

  /** Whether the event was released before. */
  #drops({ choice, ...amounts }: ReleasedAmounts): boolean {
    const left = this.#toDrop.get(choice);
    if (left === undefined) return false;
    left.events--;
    left.bytes -= amounts.bytes;
    left.calls -= amounts.calls;
    left.entries -= amounts.entries;
    const { events, ...rest } = left;
    if (events > 0) return true;
    this.#toDrop.delete(choice);
    if (Object.values(rest).some((amount) => amount !== 0)) throw doesNotFit();
    return true;
  }

  #of(choice: number): ChoiceState {
    const known = this.#choices.get(choice);
    if (known !== undefined) return known;
    const made = new ChoiceState(choice, { ...noProgress });
    this.#choices.set(choice, made);
    return made;
  }
}

function add(counts: Omit<ChoiceProgress, 'ids'>, { bytes, calls, entries }: ReleasedAmounts): void {
  counts.events++;
  counts.bytes += bytes;
  counts.calls += calls;
  counts.entries += entries;
}

function hopsText(hops: DegradedHops): string {
  const entries = Object.entries(hops) as [Rung, number][];
  return entries.length === 0 ? '-' : entries.map(([rung, count]) => `${rung}:${count}`).join(',');
}

/** The code of the error if the known ids give other events than the record says. */
export const RECORD_MISMATCH = 'record_mismatch';

function doesNotFit(): ApiError {
  const message =
    'The record does not fit the answer that this gateway generates, so the stream cannot continue here.';
  return new ApiError({ status: 409, message, code: RECORD_MISMATCH });
}
