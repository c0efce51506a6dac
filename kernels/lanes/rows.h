// Routines over rows of floats, written once in lanes. Each path includes them and so computes the same bits.
#pragma once
#include <math.h>
#include <string.h>
#include "layout.h"
#include "prefetch.h"

// Sums and maxima across lanes fold one half onto the other: 16, 8, 4, 2, 1.
static inline float lanes_sum(lanes v) {
  float s[LANES];
  lanes_store(s, v);
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) s[i] += s[i + width];
  }
  return s[0];
}
static inline float lanes_top(lanes v) {
  float s[LANES];
  lanes_store(s, v);
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) s[i] = s[i] > s[i + width] ? s[i] : s[i + width];
  }
  return s[0];
}

// e^x within 2 units of the last place: 2^n * e^r, n = round(x / ln 2), |r| ≤ ln(2) / 2, the series of e^r to r^7.
// Below -87 the result stays at e^-87 (1.6e-38), above 88 at e^88. So the result is never subnormal or infinite.
static inline lanes lanes_exp(lanes x) {
  const lanes lowest = lanes_set(-87.0f), highest = lanes_set(88.0f);
  x = lanes_if_less(x, lowest, lowest, x);
  x = lanes_if_less(highest, x, highest, x);
  const lanes rounder = lanes_set(0x1.8p23f);
  const lanes t = lanes_fma(x, lanes_set(0x1.715476p0f), rounder);
  const lanes n = lanes_sub(t, rounder);
  lanes r = lanes_fma(n, lanes_set(-0x1.62e4p-1f), x);  // ln 2 in two parts; n times the first is exact
  r = lanes_fma(n, lanes_set(-0x1.7f7d1cp-20f), r);
  lanes e = lanes_set(1.0f / 5040);
  e = lanes_fma(e, r, lanes_set(1.0f / 720));
  e = lanes_fma(e, r, lanes_set(1.0f / 120));
  e = lanes_fma(e, r, lanes_set(1.0f / 24));
  e = lanes_fma(e, r, lanes_set(1.0f / 6));
  e = lanes_fma(e, r, lanes_set(0.5f));
  e = lanes_fma(e, r, lanes_set(1.0f));
  e = lanes_fma(e, r, lanes_set(1.0f));
  return lanes_power(e, t);
}

// Rounds activations as ONNX Runtime's MatMulNBits does at accuracy level 4, in float32: max = the block's largest magnitude,
// scale = max / 127, q = a * (127 / max) to the nearest, ties to even. Two kinds of blocks cannot be scaled. If a block is so
// small that 127 / max is infinite, its values become 0. If it has an infinity or NaN, its scale and every output become NaN.
static void quantise(const float *const *x, size_t rows, size_t cols, uint8_t *panel) {
  const size_t blocks = blocks_of(cols);
  for (size_t block = 0; block < blocks; block++, panel += rows * PANEL_BYTES) {
    const size_t width = smaller(cols - block * BLOCK, BLOCK);
    uint8_t *scales = panel + rows * BLOCK;
    uint8_t *offsets = scales + rows * sizeof(float);
    for (size_t r = 0; r < rows; r++) {
      const float *from = x[r] + block * BLOCK;
      const bool whole = width == BLOCK;
      const lanes a = whole ? lanes_load(from) : lanes_load_some(from, smaller(width, LANES));
      const lanes b = whole ? lanes_load(from + LANES)
                            : lanes_load_some(from + smaller(width, LANES), width > LANES ? width - LANES : 0);
      const uint32_t bits = lanes_largest_bits(a, b);
      float largest;
      memcpy(&largest, &bits, sizeof largest);
      float scale = largest / 127;
      float inverse = 127 / largest;
      int32_t offset = 0;
      if (bits >= 0x7f800000 || isinf(inverse)) {
        scale = bits >= 0x7f800000 ? NAN : 0;
        memset(panel + r * BLOCK, 0, BLOCK);
      } else {
        const lanes factor = lanes_set(inverse);
        offset = -8 * lanes_round(lanes_mul(a, factor), lanes_mul(b, factor), panel + r * BLOCK);
      }
      memcpy(scales + r * sizeof scale, &scale, sizeof scale);
      memcpy(offsets + r * sizeof offset, &offset, sizeof offset);
    }
  }
}

static void swiglu(float *gate, const float *up, size_t count) {
  const lanes zero = lanes_set(0), one = lanes_set(1);
  for (size_t i = 0; i < count; i += LANES) {
    const size_t n = smaller(count - i, LANES);
    const lanes g = lanes_load_some(gate + i, n);
    const lanes sigmoid = lanes_add(one, lanes_exp(lanes_sub(zero, g)));
    lanes_store_some(gate + i, lanes_mul(lanes_div(g, sigmoid), lanes_load_some(up + i, n)), n);
  }
}

// The activation of GPT-OSS. A NaN of either input makes the result NaN.
static void clamped_swiglu(float *gate, const float *up, float alpha, float limit, size_t count) {
  const lanes zero = lanes_set(0), one = lanes_set(1), slope = lanes_set(alpha);
  const lanes highest = lanes_set(limit), lowest = lanes_set(-limit);
  for (size_t i = 0; i < count; i += LANES) {
    const size_t n = smaller(count - i, LANES);
    lanes g = lanes_load_some(gate + i, n), u = lanes_load_some(up + i, n);
    g = lanes_if_less(highest, g, highest, g);
    u = lanes_if_less(highest, u, highest, u);
    u = lanes_if_less(u, lowest, lowest, u);
    const lanes sigmoid = lanes_add(one, lanes_exp(lanes_sub(zero, lanes_mul(slope, g))));
    lanes_store_some(gate + i, lanes_mul(lanes_div(g, sigmoid), lanes_add(u, one)), n);
  }
}

static void rmsnorm(const float *x, const float *weight, float eps, size_t width, float *y) {
  lanes squares = lanes_set(0);
  for (size_t i = 0; i < width; i += LANES) {
    const lanes v = lanes_load_some(x + i, smaller(width - i, LANES));
    squares = lanes_fma(v, v, squares);
  }
  const lanes scale = lanes_set(1 / sqrtf(lanes_sum(squares) / (float)width + eps));
  for (size_t i = 0; i < width; i += LANES) {
    const size_t n = smaller(width - i, LANES);
    const lanes v = lanes_mul(lanes_load_some(x + i, n), scale);
    lanes_store_some(y + i, lanes_mul(v, lanes_load_some(weight + i, n)), n);
  }
}

static void add(const float *a, const float *b, size_t width, float *y) {
  for (size_t i = 0; i < width; i += LANES) {
    const size_t n = smaller(width - i, LANES);
    lanes_store_some(y + i, lanes_add(lanes_load_some(a + i, n), lanes_load_some(b + i, n)), n);
  }
}

static void scale_row(float *y, float factor, size_t width) {
  const lanes factors = lanes_set(factor);
  for (size_t i = 0; i < width; i += LANES) {
    const size_t n = smaller(width - i, LANES);
    lanes_store_some(y + i, lanes_mul(lanes_load_some(y + i, n), factors), n);
  }
}

// Computes in double precision, in which the product of two floats is exact, and rounds once, like router/combine.ts.
static void add_weighted(const float *a, float weight, size_t width, float *y) {
  for (size_t i = 0; i < width; i++) y[i] = (float)((double)y[i] + (double)weight * (double)a[i]);
}

// Lane j of an output's sum takes inputs j, j + 16, …; then the lanes fold. Four outputs run at once to hide latency.
static void scores(const float *x, size_t rows, const float *weights, size_t outputs, size_t cols, float *y,
                   size_t stride) {
  enum { AT_ONCE = 4 };
  for (size_t first = 0; first < outputs; first += AT_ONCE) {
    const size_t count = smaller(outputs - first, AT_ONCE);
    const float *w[AT_ONCE];
    for (size_t o = 0; o < AT_ONCE; o++) w[o] = weights + smaller(first + o, outputs - 1) * cols;
    for (size_t r = 0; r < rows; r++) {
      const float *row = x + r * cols;
      lanes sums[AT_ONCE];
      for (size_t o = 0; o < AT_ONCE; o++) sums[o] = lanes_set(0);
      size_t i = 0;
      for (; i + LANES <= cols; i += LANES) {
        const lanes v = lanes_load(row + i);
        for (size_t o = 0; o < AT_ONCE; o++) sums[o] = lanes_fma(v, lanes_load(w[o] + i), sums[o]);
      }
      if (i < cols) {
        const lanes v = lanes_load_some(row + i, cols - i);
        for (size_t o = 0; o < AT_ONCE; o++) sums[o] = lanes_fma(v, lanes_load_some(w[o] + i, cols - i), sums[o]);
      }
      for (size_t o = 0; o < count; o++) y[r * stride + first + o] = lanes_sum(sums[o]);
    }
  }
}

static void rotate(float *x, const float *cos, const float *sin, size_t half) {
  const lanes zero = lanes_set(0);
  for (size_t i = 0; i < half; i += LANES) {
    const size_t n = smaller(half - i, LANES);
    const lanes a = lanes_load_some(x + i, n), b = lanes_load_some(x + half + i, n);
    const lanes c = lanes_load_some(cos + i, n), s = lanes_load_some(sin + i, n);
    lanes_store_some(x + i, lanes_fma(a, c, lanes_sub(zero, lanes_mul(b, s))), n);
    lanes_store_some(x + half + i, lanes_fma(b, c, lanes_mul(a, s)), n);
  }
}

static void halves(const float *x, size_t count, uint16_t *y) {
  for (size_t i = 0; i < count; i += LANES) lanes_store_half(y + i, lanes_load_some(x + i, smaller(count - i, LANES)));
}

// Prefetches as products do. A fixed hint made it slower than a product of one row.
static uint64_t sweep(const uint8_t *bytes, size_t count) {
  enum { WORDS = 32 };  // words of 8 bytes in one turn, which are four cache lines
  const struct prefetch choice = prefetch;
  uint64_t sums[WORDS] = {0}, total = 0;
  size_t at = 0;
  for (; at + sizeof sums <= count; at += sizeof sums) {
    prefetch_tile(choice.hint, bytes + at + choice.ahead, sizeof sums);
    uint64_t words[WORDS];
    memcpy(words, bytes + at, sizeof words);
    for (int i = 0; i < WORDS; i++) sums[i] ^= words[i];
  }
  for (int i = 0; i < WORDS; i++) total ^= sums[i];
  for (; at + 8 <= count; at += 8) {
    uint64_t word;
    memcpy(&word, bytes + at, sizeof word);
    total ^= word;
  }
  return total;
}
