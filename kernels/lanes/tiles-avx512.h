// One row of tiles times one panel with AVX-512 VNNI: vpdpbusd adds 4 products for each of 16 outputs.
#pragma once
#include <immintrin.h>
#include <string.h>
#include "layout.h"
#include "prefetch.h"

// Rows whose dot products are computed side by side. An addition waits for the one before it of the same row, so the
// additions of other rows fill the time between them.
enum { ROWS_AT_ONCE = 8 };

// low | (bytes & mask)
static inline __m512i add_high(__m512i low, __m512i bytes, __m512i mask) {
  return _mm512_ternarylogic_epi32(bytes, mask, low, 0xea);
}

static inline __attribute__((always_inline)) void unpack_tile(int bits, const uint8_t *tile, __m512i w[8]) {
  if (bits == 8) {
    for (int v = 0; v < 8; v++) w[v] = _mm512_loadu_si512(tile + 64 * v);
    return;
  }
  const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8(0x30);
  for (int v = 0; v < 4; v++) {
    const __m512i bytes = _mm512_loadu_si512(tile + 64 * v);
    w[2 * v] = _mm512_and_si512(bytes, low);
    w[2 * v + 1] = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
  }
  for (int v = 0; bits == 6 && v < 2; v++) {
    const __m512i bytes = _mm512_loadu_si512(tile + 256 + 64 * v);
    w[4 * v] = add_high(w[4 * v], _mm512_slli_epi16(bytes, 4), high);
    w[4 * v + 1] = add_high(w[4 * v + 1], _mm512_slli_epi16(bytes, 2), high);
    w[4 * v + 2] = add_high(w[4 * v + 2], bytes, high);
    w[4 * v + 3] = add_high(w[4 * v + 3], _mm512_srli_epi16(bytes, 2), high);
  }
}

// `bits` and `rows` are constants when this is inlined, so that the sums of all rows stay in registers.
static inline __attribute__((always_inline)) void tile_row(int bits, int rows, const uint8_t *tile, size_t blocks,
                                                           const uint8_t *panel, float *y, size_t stride,
                                                           __mmask16 outputs) {
  const int weight_bytes = tile_weights(bits);
  const int tile_bytes = weight_bytes + TILE_SCALES;
  const struct prefetch choice = prefetch;
  __m512 sums[PANEL_ROWS];
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++) sums[r] = _mm512_setzero_ps();

  for (size_t block = 0; block < blocks; block++) {
    prefetch_tile(choice.hint, tile + choice.ahead, tile_bytes);
    __m512i w[8];
    unpack_tile(bits, tile, w);
    const __m512 tile_scales = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(tile + weight_bytes)));
    const uint8_t *scales = panel + rows * BLOCK;
    const uint8_t *offsets = scales + rows * sizeof(float);
#pragma GCC unroll 16
    for (int first = 0; first < rows; first += ROWS_AT_ONCE) {
      const int last = first + ROWS_AT_ONCE < rows ? first + ROWS_AT_ONCE : rows;
      __m512i dots[ROWS_AT_ONCE];
#pragma GCC unroll 16
      for (int r = first; r < last; r++) {
        int32_t offset;
        memcpy(&offset, offsets + r * sizeof offset, sizeof offset);
        dots[r - first] = _mm512_set1_epi32(offset * offset_factor(bits));
      }
#pragma GCC unroll 8
      for (int v = 0; v < 8; v++) {
#pragma GCC unroll 16
        for (int r = first; r < last; r++) {
          int32_t four;
          memcpy(&four, panel + r * BLOCK + 4 * v, sizeof four);
          dots[r - first] = _mm512_dpbusd_epi32(dots[r - first], w[v], _mm512_set1_epi32(four));
        }
      }
#pragma GCC unroll 16
      for (int r = first; r < last; r++) {
        float scale;
        memcpy(&scale, scales + r * sizeof scale, sizeof scale);
        const __m512 both = _mm512_mul_ps(_mm512_set1_ps(scale), tile_scales);
        sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r - first]), both, sums[r]);
      }
    }
    tile += tile_bytes;
    panel += rows * PANEL_BYTES;
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++) _mm512_mask_storeu_ps(y + r * stride, outputs, sums[r]);
}

static void tiles(int bits, const uint8_t *tile, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                  size_t stride, size_t outputs) {
  const __mmask16 mask = (__mmask16)((1u << outputs) - 1);
  switch (rows * 16 + (size_t)bits) {
#define ROWS_OF(bits, n) \
  case n * 16 + bits: tile_row(bits, n, tile, blocks, panel, y, stride, mask); break;
#define ROWS(n) ROWS_OF(4, n) ROWS_OF(6, n) ROWS_OF(8, n)
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8)
    ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14) ROWS(15) ROWS(16)
#undef ROWS
#undef ROWS_OF
  }
}

// Additions of products in registers only. Twelve independent sums hide the latency of an addition.
static double peak(size_t turns) {
  enum { SUMS = 12 };
  __m512i sums[SUMS];
  const __m512i ones = _mm512_set1_epi8(1);
  // Both loops are unrolled, so that the sums stay in registers.
#pragma GCC unroll 12
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_si512();
  for (size_t turn = 0; turn < turns; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], ones, ones);
      __asm__ volatile("" : "+v"(sums[i]));  // keeps the compiler from removing the loop
    }
  }
  return (double)turns * SUMS * 128;
}
