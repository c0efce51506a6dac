// The logs of train/train.py and train/evaluate.py: one JSON object a line. Pure.

/** The busiest and the idlest expert of each layer, as a multiple of the uniform share, and how many experts had no calls. */
interface Load {
  hottest?: number[];
  coldest?: number[];
  dead?: number[];
}

/** Bits per byte of the held-out text: of each kind, of the whole world and of all prose. */
export type BitsPerByte = Record<string, number> & { world: number; prose: number };

/** A look at a part of the held-out text during training. */
export interface Look extends Load {
  tokens: number;
  held: BitsPerByte;
}

export type Words = 'held' | 'trained';

/** The whole held-out text after training. */
export interface Final extends Load {
  tokens: number;
  /** Experts that a row used in each layer. */
  active: number[];
  /** Names, things and templates of the texts of the world. Default: held-out ones. */
  words?: Words;
  final: BitsPerByte;
}

/** What train.py prints during training. */
interface Step {
  tokens: number;
  seconds: number;
}

export interface Run {
  name: string;
  looks: Look[];
  finals: Final[];
  /** Seconds and tokens of the training run. */
  seconds: number;
  tokens: number;
}

/** Throws with the name of the log and the number of the line if a line is not one of the two scripts'. */
export function parseRun(name: string, text: string): Run {
  const run: Run = { name, looks: [], finals: [], seconds: 0, tokens: 0 };
  for (const [i, line] of text.trimEnd().split('\n').entries()) {
    const read = parseLine(line, `${name}.jsonl:${i + 1}`);
    if ('final' in read) run.finals.push(read);
    else if ('held' in read) run.looks.push(read);
    if ('seconds' in read) [run.seconds, run.tokens] = [read.seconds, read.tokens];
  }
  return run;
}

/** One run of several pieces, in order. Each piece counts its tokens and seconds from 0. */
export function joinPieces(name: string, pieces: readonly Run[]): Run {
  const whole: Run = { name, looks: [], finals: [], seconds: 0, tokens: 0 };
  for (const { looks, finals, seconds, tokens } of pieces) {
    const before = whole.tokens;
    whole.looks.push(...looks.map((look) => ({ ...look, tokens: look.tokens + before })));
    whole.finals.push(...finals.map((final) => ({ ...final, tokens: final.tokens + before })));
    whole.seconds += seconds;
    whole.tokens += tokens;
  }
  return whole;
}

function parseLine(line: string, where: string): Final | Step | (Step & Look) {
  let read: Final | Step | (Step & Look) | null;
  try {
    read = JSON.parse(line);
  } catch (error) {
    throw new Error(`${where} is not JSON: ${(error as Error).message}`);
  }
  if (typeof read !== 'object' || read === null || !('tokens' in read))
    throw new Error(`${where} has no field tokens`);
  return read;
}
