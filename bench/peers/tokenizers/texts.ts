// Texts on which tokenizers are compared, and small vocabularies that are trained on them.

/** All texts are in composed form (NFC), because llama.cpp does not normalise. */
export const texts: readonly string[] = [
  '',
  ' ',
  '   ',
  '\n',
  '\n\n\n',
  '\t\t x',
  'Hello world',
  ' Hello  world   ',
  "Hello, world! How are you? I'm fine, they'll say; WE'VE done it, I'D bet.",
  "'s 't 're 've 'm 'll 'd 'S 'T 'x don't DON'T",
  '1 12 123 1234 12345 3.14159 1,000,000 0x1F 2024-01-31',
  'a1b22c333d4444',
  'camelCase HTTPServer XMLHttpRequest iPhone ALLCAPS lower MixedCASEword',
  'function add(a, b) {\n  return a + b; // sums\n}\n\nconst x = add(1, 2);\r\n',
  'def total(numbers):\n    """Sum."""\n    result = 0\n\n    for n in numbers:\n        result += n\n    return result\n',
  '{"key": [1, 2.5, null], "a/b": "c\\n"}  \n',
  '<p class="x">Tom &amp; Jerry</p> a/b//c path/to/file.txt http://example.com/?q=1&r=2#s',
  '!!! ??? ... --- === ***bold*** __x__ $5.00 50% #tag @user ~ ^ ` | \\',
  'trailing spaces   \n   leading spaces\n \n  \n',
  'tabs\tand\tmore\t\ttabs \t mixed',
  '你好，世界！今天天气很好。',
  '日本語のテキスト、カタカナとひらがな。',
  '한국어 텍스트도 있습니다.',
  'mixed 中文 and English文字 123年',
  '😀 😃👍🏽 family: 👨‍👩‍👧 flag: 🇩🇪',
  'naïve café résumé über straße',
  'Привет, как дела? Всё хорошо.',
  'ÄÖÜ Élan ÉCOLE Привет МИР',
  'مرحبا بالعالم، كيف حالك؟',
  'हिन्दी में एक वाक्य।',
  'ภาษาไทยไม่มีช่องว่าง',
  '½ ² ³ Ⅷ ① ٣٤٥ १२३',
  'zero\u200bwidth and\u00a0non-breaking\u3000ideographic spaces',
  'line\u2028separator\u2029paragraph\u0085next',
  'null\u0000byte and \u001b[0m escape',
  'The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX.',
  'a'.repeat(50),
  `${'ab '.repeat(20)}${' '.repeat(30)}end`,
];

/** Words with capitals outside ASCII. llama.cpp's patterns that tell cases apart know only those of ASCII. */
export const isCasedBeyondAscii = (text: string) => /(?![A-Z])\p{Lu}/u.test(text);

/** GPT-2's printable character of each byte. */
export function byteSymbols(): string[] {
  let hidden = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : 256 + hidden++);
  });
}

/** The `count` merges of plain BPE over the symbols of `corpus`. Pieces are not split first, so that merges cross every boundary. */
export function trainMerges(corpus: readonly string[][], count: number): [string, string][] {
  let words = corpus.map((symbols) => [...symbols]);
  const merges: [string, string][] = [];
  for (let round = 0; round < count; round++) {
    const pairs = new Map<string, { pair: [string, string]; times: number }>();
    for (const symbols of words) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const pair: [string, string] = [symbols[i] ?? '', symbols[i + 1] ?? ''];
        const key = pair.join('\u0001');
        pairs.set(key, { pair, times: (pairs.get(key)?.times ?? 0) + 1 });
      }
    }
    const best = [...pairs.values()].reduce((a, b) => (b.times > a.times ? b : a));
    merges.push(best.pair);
    words = words.map((symbols) => merged(symbols, best.pair));
  }
  return merges;
}

function merged(symbols: readonly string[], [left, right]: [string, string]): string[] {
  const out: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const joins = symbols[i] === left && symbols[i + 1] === right;
    out.push(joins ? left + right : (symbols[i] ?? ''));
    if (joins) i++;
  }
  return out;
}
