// Random numbers from a seed for tests and benchmarks. They are the same on every machine and in every JavaScript engine.

/** A seed from another seed and a name: FNV-1a over the UTF-16 units of the name. */
export function seedOf(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** Uniform numbers in [0, 1) with 24 bits each (xorshift32 behind a Weyl sequence). */
export function uniform(seed: number): () => number {
  let weyl = seed >>> 0;
  return () => {
    weyl = (weyl + 0x9e3779b9) >>> 0;
    let x = weyl;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 8) / 0x1000000;
  };
}

/**
 * Nearly normal numbers with mean 0 and deviation 1: sums of four uniform numbers. Logarithm and cosine are not used,
 * because their last bit differs between JavaScript engines, and golden files must stay valid.
 */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  const scale = Math.sqrt(3);
  return () => (next() + next() + next() + next() - 2) * scale;
}
