// Small lists of ranks, and byte-pair encoding from ranks as tiktoken defines it: slow, without merges.

/** The bytes, then `more`, as tokens in the order of their ranks. Each character is one byte. */
export function ranksWith(more: readonly string[]): string[] {
  return [...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), ...more];
}

/** The lines of a tiktoken file. */
export function rankLines(tokens: readonly string[]): string[] {
  return tokens.map((token, rank) => `${Buffer.from(token, 'latin1').toString('base64')} ${rank}`);
}

/** The ids of one piece of a text: its own rank, or else the pair whose union has the lowest rank merges until no union has a rank. */
export function idsOfPiece(piece: string, tokens: readonly string[]): number[] {
  const ranks = new Map(tokens.map((token, rank) => [token, rank]));
  const rankOf = (text: string) => ranks.get(text) ?? -1;
  const own = rankOf(piece);
  if (own !== -1) return [own];
  const parts = [...piece];
  for (;;) {
    const unions = parts.slice(1).map((part, i) => rankOf(`${parts[i]}${part}`));
    const known = unions.filter((rank) => rank !== -1);
    if (known.length === 0) return parts.map(rankOf);
    const at = unions.indexOf(Math.min(...known));
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
  }
}
