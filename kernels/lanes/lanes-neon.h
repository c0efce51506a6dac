// Sixteen float32 lanes in four NEON registers. lanes-plain.h says what each operation means.
#pragma once
#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>
#include "layout.h"

typedef struct {
  float32x4_t part[4];
} lanes;

#define EACH for (int i = 0; i < 4; i++)

static inline lanes lanes_set(float v) {
  lanes r;
  EACH r.part[i] = vdupq_n_f32(v);
  return r;
}
static inline lanes lanes_load(const float *p) {
  lanes r;
  EACH r.part[i] = vld1q_f32(p + 4 * i);
  return r;
}
static inline void lanes_store(float *p, lanes v) { EACH vst1q_f32(p + 4 * i, v.part[i]); }
static inline lanes lanes_load_some(const float *p, size_t n) {
  float copy[LANES] = {0};
  memcpy(copy, p, n * sizeof(float));
  return lanes_load(copy);
}
static inline void lanes_store_some(float *p, lanes v, size_t n) {
  float copy[LANES];
  lanes_store(copy, v);
  memcpy(p, copy, n * sizeof(float));
}

#define LANES_EACH(name, expression)           \
  static inline lanes name(lanes a, lanes b) { \
    lanes r;                                   \
    EACH r.part[i] = expression;               \
    return r;                                  \
  }
LANES_EACH(lanes_add, vaddq_f32(a.part[i], b.part[i]))
LANES_EACH(lanes_sub, vsubq_f32(a.part[i], b.part[i]))
LANES_EACH(lanes_mul, vmulq_f32(a.part[i], b.part[i]))
LANES_EACH(lanes_div, vdivq_f32(a.part[i], b.part[i]))
// vmaxq_f32 is not used, because it returns NaN if a is NaN, while the other paths return b.
LANES_EACH(lanes_max, vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]))
#undef LANES_EACH

static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  lanes r;
  EACH r.part[i] = vfmaq_f32(c.part[i], a.part[i], b.part[i]);
  return r;
}

static inline lanes lanes_if_less(lanes a, lanes b, lanes then, lanes otherwise) {
  lanes r;
  EACH r.part[i] = vbslq_f32(vcltq_f32(a.part[i], b.part[i]), then.part[i], otherwise.part[i]);
  return r;
}
static inline bool lanes_any_greater(lanes a, lanes b) {
  uint32x4_t any = vdupq_n_u32(0);
  EACH any = vorrq_u32(any, vcgtq_f32(a.part[i], b.part[i]));
  return vmaxvq_u32(any) != 0;
}
static inline lanes lanes_first(size_t n, lanes v, lanes rest) {
  float copy[LANES], other[LANES];
  lanes_store(copy, v);
  lanes_store(other, rest);
  memcpy(copy + n, other + n, (LANES - n) * sizeof(float));
  return lanes_load(copy);
}

static inline lanes lanes_load_half(const uint16_t *p) {
  lanes r;
  EACH r.part[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
  return r;
}
static inline void lanes_store_half(uint16_t *p, lanes v) {
  EACH vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(v.part[i])));
}

static inline lanes lanes_power(lanes v, lanes t) {
  lanes r;
  EACH r.part[i] = vreinterpretq_f32_u32(
      vaddq_u32(vreinterpretq_u32_f32(v.part[i]), vshlq_n_u32(vreinterpretq_u32_f32(t.part[i]), 23)));
  return r;
}

static inline uint32_t lanes_largest_bits(lanes a, lanes b) {
  uint32x4_t largest = vdupq_n_u32(0);
  const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
  EACH largest = vmaxq_u32(largest, vandq_u32(vreinterpretq_u32_f32(a.part[i]), magnitude));
  EACH largest = vmaxq_u32(largest, vandq_u32(vreinterpretq_u32_f32(b.part[i]), magnitude));
  return vmaxvq_u32(largest);
}

static inline int32x4_t lanes_round_half(lanes v, uint8_t *p) {
  int32x4_t sum = vdupq_n_s32(0);
  EACH {
    const int32x4_t rounded = vcvtnq_s32_f32(v.part[i]);
    const int16x4_t words = vmovn_s32(rounded);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
    memcpy(p + 4 * i, &bytes, 4);
    sum = vaddq_s32(sum, rounded);
  }
  return sum;
}
static inline int32_t lanes_round(lanes a, lanes b, uint8_t *p) {
  return vaddvq_s32(vaddq_s32(lanes_round_half(a, p), lanes_round_half(b, p + LANES)));
}
#undef EACH
