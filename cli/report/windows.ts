// Cuts a text's tokens into the windows in which it is scored. Pure.

/** Most tokens that are predicted in a window. train/evaluate.py and bench/parts/loss.ts use windows of this length, too. */
export const WINDOW = 512;

/** Most tokens of a text that are scored. The rest of the text is not read. */
export const MOST_TOKENS = 64 * WINDOW;

/** Windows of at most `length + 1` tokens. */
export function windowsOf(ids: readonly number[], length: number): number[][] {
  const count = Math.ceil((Math.min(ids.length, MOST_TOKENS) - 1) / length);
  return Array.from({ length: Math.max(0, count) }, (_, n) =>
    ids.slice(n * length, Math.min((n + 1) * length + 1, MOST_TOKENS)),
  );
}

/** The same tokens in pieces of at most `length`, which share none. */
export function piecesOf(ids: readonly number[], length: number): number[][] {
  const read = ids.slice(0, MOST_TOKENS);
  return Array.from({ length: Math.ceil(read.length / length) }, (_, n) =>
    read.slice(n * length, (n + 1) * length),
  );
}
