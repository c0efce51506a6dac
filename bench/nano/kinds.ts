// Calls of experts by kind of text. Pure.

export interface KindCalls {
  kind: string;
  /** `[layers][experts]` */
  calls: number[][];
}

/** Kinds of the world's texts that are shown together. */
const GROUPS: Record<string, string> = {
  story: 'stories',
  request: 'stories',
  about: 'stories',
  passage: 'facts',
  fact: 'facts',
  sum: 'sums',
  count: 'sums',
  repeat: 'talk',
  talk: 'talk',
  json: 'JSON',
  tools: 'tools',
  prose: 'prose',
};

export function kindOf(from: string): string {
  const kind = GROUPS[from];
  if (kind === undefined) throw new Error(`no such kind of text: ${from}`);
  return kind;
}

/** What was added between two readings of the heat, both `[layers][experts]`. */
export function callsByKind(before: readonly number[][], after: readonly number[][]): number[][] {
  return after.map((row, layer) => row.map((count, expert) => count - before[layer]![expert]!));
}

/** The experts with the most calls, and their shares of all calls. */
export function topExperts(calls: readonly number[], count: number): { expert: number; share: number }[] {
  const total = calls.reduce((sum, each) => sum + each, 0);
  return calls
    .map((each, expert) => ({ expert, share: each / total }))
    .sort((a, b) => b.share - a.share || a.expert - b.expert)
    .slice(0, count);
}
