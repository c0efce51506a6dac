// Sixteen float32 lanes in two AVX2 registers. lanes-plain.h says what each operation means.
#pragma once
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>
#include "layout.h"

typedef struct {
  __m256 low, high;
} lanes;

static inline lanes lanes_pair(__m256 low, __m256 high) {
  const lanes v = {low, high};
  return v;
}

// Sets all bits of the lanes below n. There are eight lanes; n may be below 0 or above 8.
static inline __m256i lanes_mask(ptrdiff_t n) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), index);
}

static inline lanes lanes_set(float v) { return lanes_pair(_mm256_set1_ps(v), _mm256_set1_ps(v)); }
static inline lanes lanes_load(const float *p) { return lanes_pair(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
static inline void lanes_store(float *p, lanes v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
static inline lanes lanes_load_some(const float *p, size_t n) {
  if (n >= LANES) return lanes_load(p);
  return lanes_pair(_mm256_maskload_ps(p, lanes_mask((ptrdiff_t)n)),
                    n > 8 ? _mm256_maskload_ps(p + 8, lanes_mask((ptrdiff_t)n - 8)) : _mm256_setzero_ps());
}
// Without a masked store, which takes tens of cycles on AMD's processors.
static inline void lanes_store_some(float *p, lanes v, size_t n) {
  if (n >= LANES) {
    lanes_store(p, v);
    return;
  }
  float some[LANES];
  lanes_store(some, v);
  memcpy(p, some, n * sizeof *p);
}

#define LANES_BOTH(name, operation)                                                          \
  static inline lanes name(lanes a, lanes b) {                                               \
    return lanes_pair(operation(a.low, b.low), operation(a.high, b.high));                   \
  }
LANES_BOTH(lanes_add, _mm256_add_ps)
LANES_BOTH(lanes_sub, _mm256_sub_ps)
LANES_BOTH(lanes_mul, _mm256_mul_ps)
LANES_BOTH(lanes_div, _mm256_div_ps)
LANES_BOTH(lanes_max, _mm256_max_ps)
#undef LANES_BOTH

static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return lanes_pair(_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high));
}

static inline lanes lanes_if_less(lanes a, lanes b, lanes then, lanes otherwise) {
  return lanes_pair(_mm256_blendv_ps(otherwise.low, then.low, _mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ)),
                    _mm256_blendv_ps(otherwise.high, then.high, _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)));
}
static inline bool lanes_any_greater(lanes a, lanes b) {
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ),
                                         _mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ))) != 0;
}
static inline lanes lanes_first(size_t n, lanes v, lanes rest) {
  const __m256 low = _mm256_castsi256_ps(lanes_mask((ptrdiff_t)n));
  const __m256 high = _mm256_castsi256_ps(lanes_mask((ptrdiff_t)n - 8));
  return lanes_pair(_mm256_blendv_ps(rest.low, v.low, low), _mm256_blendv_ps(rest.high, v.high, high));
}

static inline lanes lanes_load_half(const uint16_t *p) {
  return lanes_pair(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                    _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8))));
}
static inline void lanes_store_half(uint16_t *p, lanes v) {
  _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.low, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(v.high, _MM_FROUND_TO_NEAREST_INT));
}

static inline __m256 lanes_half_power(__m256 v, __m256 t) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(v), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
static inline lanes lanes_power(lanes v, lanes t) {
  return lanes_pair(lanes_half_power(v.low, t.low), lanes_half_power(v.high, t.high));
}

static inline __m256i lanes_magnitude(__m256 v) {
  return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}
static inline uint32_t lanes_largest_bits(lanes a, lanes b) {
  const __m256i eight = _mm256_max_epu32(_mm256_max_epu32(lanes_magnitude(a.low), lanes_magnitude(a.high)),
                                         _mm256_max_epu32(lanes_magnitude(b.low), lanes_magnitude(b.high)));
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
  return (uint32_t)_mm_cvtsi128_si32(four);
}

static inline __m256i lanes_round_half(lanes v, uint8_t *p) {
  const __m256i low = _mm256_cvtps_epi32(v.low), high = _mm256_cvtps_epi32(v.high);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
  _mm_storeu_si128((__m128i *)p,
                   _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  return _mm256_add_epi32(low, high);
}
static inline int32_t lanes_round(lanes a, lanes b, uint8_t *p) {
  const __m256i sum = _mm256_add_epi32(lanes_round_half(a, p), lanes_round_half(b, p + 16));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}
