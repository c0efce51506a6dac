// How a text is split into pieces before the ranks of o200k_base apply.

/** The number of ranks of o200k_base, which are 0 to 199,997. */
export const O200K_RANKS = 199_998;

/** In a regular expression that ignores case, s also matches U+017F, which is written ſ. */
const CONTRACTION = "(?:'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD]))?";
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';

/**
 * The pattern of o200k_base in openai/tiktoken (`tiktoken_ext/openai_public.py`). The endings of contractions are written out in place
 * of `(?i:…)`, which not all readers of tokenizer.json know.
 */
export const O200K_PATTERN = [
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${CONTRACTION}`,
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${CONTRACTION}`,
  '\\p{N}{1,3}',
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
  '\\s*[\\r\\n]+',
  '\\s+(?!\\S)',
  '\\s+',
].join('|');
