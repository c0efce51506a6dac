// Sixteen float32 lanes in plain C. This header defines what each operation of the faster headers must do.
#pragma once
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "half.h"
#include "layout.h"

typedef struct {
  float lane[LANES];
} lanes;

#define EACH for (int i = 0; i < LANES; i++)

static inline lanes lanes_set(float v) {
  lanes r;
  EACH r.lane[i] = v;
  return r;
}
static inline lanes lanes_load(const float *p) {
  lanes r;
  memcpy(&r, p, sizeof r);
  return r;
}
// Reads only the first n values (0..16). The other lanes are zero.
static inline lanes lanes_load_some(const float *p, size_t n) {
  lanes r = lanes_set(0);
  memcpy(&r, p, n * sizeof(float));
  return r;
}
static inline void lanes_store(float *p, lanes v) { memcpy(p, &v, sizeof v); }
static inline void lanes_store_some(float *p, lanes v, size_t n) { memcpy(p, &v, n * sizeof(float)); }

#define LANES_EACH(name, expression)           \
  static inline lanes name(lanes a, lanes b) { \
    lanes r;                                   \
    EACH r.lane[i] = expression;               \
    return r;                                  \
  }
LANES_EACH(lanes_add, a.lane[i] + b.lane[i])
LANES_EACH(lanes_sub, a.lane[i] - b.lane[i])
LANES_EACH(lanes_mul, a.lane[i] * b.lane[i])
LANES_EACH(lanes_div, a.lane[i] / b.lane[i])
LANES_EACH(lanes_max, a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i])
#undef LANES_EACH

// a * b + c, rounded once.
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  lanes r;
  EACH r.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
  return r;
}

// Chooses lane by lane. If a or b is NaN, the result is `otherwise`.
static inline lanes lanes_if_less(lanes a, lanes b, lanes then, lanes otherwise) {
  lanes r;
  EACH r.lane[i] = a.lane[i] < b.lane[i] ? then.lane[i] : otherwise.lane[i];
  return r;
}
static inline bool lanes_any_greater(lanes a, lanes b) {
  bool any = false;
  EACH any |= a.lane[i] > b.lane[i];
  return any;
}
// The first n lanes (0..16) of v, followed by those of rest.
static inline lanes lanes_first(size_t n, lanes v, lanes rest) {
  lanes r;
  EACH r.lane[i] = (size_t)i < n ? v.lane[i] : rest.lane[i];
  return r;
}

static inline lanes lanes_load_half(const uint16_t *p) {
  lanes r;
  EACH r.lane[i] = half_to_float(p[i]);
  return r;
}
static inline void lanes_store_half(uint16_t *p, lanes v) { EACH p[i] = float_to_half(v.lane[i]); }

// v * 2^n for t = n + 1.5 * 2^23. The low bits of t are n, and n is added to the exponent of v. The exponent may wrap around.
static inline lanes lanes_power(lanes v, lanes t) {
  lanes r;
  EACH r.lane[i] = float_of(bits_of(v.lane[i]) + (bits_of(t.lane[i]) << 23));
  return r;
}

// The bits of the largest magnitude. Bits of magnitudes have the same order as the numbers; infinity is above all numbers,
// NaN above infinity.
static inline uint32_t lanes_largest_bits(lanes a, lanes b) {
  uint32_t largest = 0;
  EACH {
    const uint32_t x = bits_of(a.lane[i]) & 0x7fffffff, y = bits_of(b.lane[i]) & 0x7fffffff;
    if (x > largest) largest = x;
    if (y > largest) largest = y;
  }
  return largest;
}

// Rounds a and b to the nearest whole numbers, ties to even. Writes 32 signed bytes (a, then b) and returns their sum.
// |a|, |b| ≤ 127.
static inline int32_t lanes_round(lanes a, lanes b, uint8_t *p) {
  int32_t sum = 0;
  EACH {
    const int32_t low = (int32_t)(a.lane[i] + 0x1.8p23f - 0x1.8p23f);
    const int32_t high = (int32_t)(b.lane[i] + 0x1.8p23f - 0x1.8p23f);
    p[i] = (uint8_t)low;
    p[i + LANES] = (uint8_t)high;
    sum += low + high;
  }
  return sum;
}
#undef EACH
