// Sixteen float32 lanes in one AVX-512 register. lanes-plain.h says what each operation means.
#pragma once
#include <immintrin.h>
#include <stdbool.h>
#include "layout.h"

typedef __m512 lanes;

static inline __mmask16 lanes_mask(size_t count) { return (__mmask16)((1u << count) - 1); }

static inline lanes lanes_set(float v) { return _mm512_set1_ps(v); }
static inline lanes lanes_load(const float *p) { return _mm512_loadu_ps(p); }
static inline lanes lanes_load_some(const float *p, size_t n) { return _mm512_maskz_loadu_ps(lanes_mask(n), p); }
static inline void lanes_store(float *p, lanes v) { _mm512_storeu_ps(p, v); }
static inline void lanes_store_some(float *p, lanes v, size_t n) { _mm512_mask_storeu_ps(p, lanes_mask(n), v); }
static inline lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }
static inline lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_ps(a, b); }
static inline lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_ps(a, b); }
static inline lanes lanes_div(lanes a, lanes b) { return _mm512_div_ps(a, b); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }
static inline lanes lanes_max(lanes a, lanes b) { return _mm512_max_ps(a, b); }

static inline lanes lanes_if_less(lanes a, lanes b, lanes then, lanes otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}
static inline bool lanes_any_greater(lanes a, lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }
static inline lanes lanes_first(size_t n, lanes v, lanes rest) { return _mm512_mask_blend_ps(lanes_mask(n), rest, v); }

static inline lanes lanes_load_half(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline void lanes_store_half(uint16_t *p, lanes v) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline lanes lanes_power(lanes v, lanes t) {
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(v), _mm512_slli_epi32(_mm512_castps_si512(t), 23)));
}

static inline uint32_t lanes_largest_bits(lanes a, lanes b) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  return _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_and_epi32(_mm512_castps_si512(a), magnitude),
                                                  _mm512_and_epi32(_mm512_castps_si512(b), magnitude)));
}

static inline int32_t lanes_round(lanes a, lanes b, uint8_t *p) {
  const __m512i low = _mm512_cvtps_epi32(a), high = _mm512_cvtps_epi32(b);
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(low));
  _mm_storeu_si128((__m128i *)(p + 16), _mm512_cvtepi32_epi8(high));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
}
