// Generates the choices of one prompt in rounds. A round begins when all choices of the round before it have ended.
import { abortedWith } from '../../linked-abort.ts';
import { merge } from './merge.ts';

type Source<Item> = AsyncGenerator<Item, void, undefined>;

interface RoundsOptions<Item> {
  /** Number of choices in the next round. 0: there is none. Called when the reader has read all items of the round before. */
  next: () => number;
  /** The choices `from`, `from + 1` …, `to - 1`, which `signal` ends. */
  choices: (from: number, to: number, signal: AbortSignal) => Source<Item>[];
  signal: AbortSignal;
}

/** The first round is prepared at once, so that a fault of the request is thrown here. */
export function inRounds<Item>({ next, choices, signal }: RoundsOptions<Item>): Source<Item> {
  const roundOf = (from: number) => {
    // The end of a round must not end the request, so each round has a controller.
    const cancel = abortedWith(signal);
    const to = from + next();
    const sources = to > from ? choices(from, to, cancel.signal) : [];
    return { to, sources, cancel: () => cancel.abort() };
  };
  return rounds(roundOf(0), roundOf);
}

interface Round<Item> {
  to: number;
  sources: Source<Item>[];
  cancel: () => void;
}

async function* rounds<Item>(first: Round<Item>, roundOf: (from: number) => Round<Item>): Source<Item> {
  for (let round = first; round.sources.length > 0; round = roundOf(round.to)) {
    // The reader's own merge pauses.
    for await (const item of merge(round.sources, round.cancel, () => undefined)) yield item;
  }
}
