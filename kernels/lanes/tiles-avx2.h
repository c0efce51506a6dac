// One row of tiles times one panel with AVX2. 16-bit sums cannot overflow with 4-bit weights, but can with 8-bit ones.
#pragma once
#include <immintrin.h>
#include <string.h>
#include "layout.h"
#include "prefetch.h"

enum { ROWS_AT_ONCE = 4 };

// vpmaddubsw adds two products into 16 bits. A block adds 8 such pairs: at most 8 * 2 * 15 * 127 = 30,480 with 4-bit
// weights, so a block is summed in 16 bits and widened once. An 8-bit weight is computed as two 4-bit weights; the sum of
// the high ones is multiplied by 16.
static inline __attribute__((always_inline)) void half_tile_row(int bits, int rows, int half, const uint8_t *tile,
                                                                size_t blocks, const uint8_t *panel,
                                                                size_t panel_rows, size_t first, float *y,
                                                                size_t stride, size_t outputs) {
  const int weight_bytes = bits == 4 ? 256 : 512;
  const __m256i low = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
  __m256 sums[ROWS_AT_ONCE];
  for (int r = 0; r < rows; r++) sums[r] = _mm256_setzero_ps();
  // The second half of the tile and later rows find the weights in the cache.
  const struct prefetch choice = half == 0 && first == 0 ? prefetch : (struct prefetch){HINT_NONE, 0};
  for (size_t block = 0; block < blocks; block++) {
    prefetch_tile(choice.hint, tile + choice.ahead, weight_bytes + TILE_SCALES);
    const uint8_t *values = panel + first * BLOCK;
    // The sums of products with the low and with the high four bits of the weights.
    __m256i lows[ROWS_AT_ONCE], highs[ROWS_AT_ONCE];
    for (int r = 0; r < rows; r++) lows[r] = highs[r] = _mm256_setzero_si256();
    for (int v = 0; v < weight_bytes / 64; v++) {
      const __m256i bytes = _mm256_loadu_si256((const __m256i *)(tile + 64 * v + 32 * half));
      const __m256i a = _mm256_and_si256(bytes, low);
      const __m256i b = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        const uint8_t *x = values + r * BLOCK + (bits == 4 ? 8 : 4) * v;
        int32_t for_low, for_high;
        memcpy(&for_low, x, sizeof for_low);
        memcpy(&for_high, bits == 4 ? x + 4 : x, sizeof for_high);
        lows[r] = _mm256_add_epi16(lows[r], _mm256_maddubs_epi16(a, _mm256_set1_epi32(for_low)));
        highs[r] = _mm256_add_epi16(highs[r], _mm256_maddubs_epi16(b, _mm256_set1_epi32(for_high)));
      }
    }
    const __m256 tile_scales = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(tile + weight_bytes + 16 * half)));
    const uint8_t *scales = panel + panel_rows * BLOCK + first * sizeof(float);
    const uint8_t *offsets = scales + panel_rows * sizeof(float);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      float scale;
      int32_t offset;
      memcpy(&scale, scales + r * sizeof scale, sizeof scale);
      memcpy(&offset, offsets + r * sizeof offset, sizeof offset);
      // The sum starts at -8 Σq for 4-bit weights and at -128 Σq for 8-bit ones.
      __m256i dot = _mm256_set1_epi32(bits == 4 ? offset : offset * 16);
      dot = _mm256_add_epi32(dot, _mm256_madd_epi16(lows[r], one));
      dot = _mm256_add_epi32(dot, _mm256_madd_epi16(highs[r], bits == 4 ? one : sixteen));
      sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(_mm256_set1_ps(scale), tile_scales), sums[r]);
    }
    tile += weight_bytes + TILE_SCALES;
    panel += panel_rows * PANEL_BYTES;
  }
  for (int r = 0; r < rows; r++) {
    float eight[8];
    _mm256_storeu_ps(eight, sums[r]);
    memcpy(y + (first + r) * stride, eight, outputs * sizeof(float));
  }
}

static void tiles(int bits, const uint8_t *tile, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                  size_t stride, size_t outputs) {
  for (int half = 0; half < 2; half++) {
    const size_t from = 8 * (size_t)half;
    if (outputs <= from) return;
    const size_t eight = smaller(outputs - from, 8);
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
      switch (smaller(rows - first, ROWS_AT_ONCE) * 2 + (bits == 8)) {
#define ROWS(n)                                                                                                      \
  case n * 2: half_tile_row(4, n, half, tile, blocks, panel, rows, first, y + from, stride, eight); break;           \
  case n * 2 + 1: half_tile_row(8, n, half, tile, blocks, panel, rows, first, y + from, stride, eight); break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#undef ROWS
      }
    }
  }
}

// Additions of products in registers only, two instructions for 32 products, as in a tile.
static double peak(size_t turns) {
  enum { SUMS = 8 };
  __m256i sums[SUMS];
  const __m256i ones = _mm256_set1_epi8(1);
  // Both loops are unrolled, so that the sums stay in registers.
#pragma GCC unroll 8
  for (int i = 0; i < SUMS; i++) sums[i] = _mm256_setzero_si256();
  for (size_t turn = 0; turn < turns; turn++) {
#pragma GCC unroll 8
    for (int i = 0; i < SUMS; i++) {
      __m256i pairs = _mm256_maddubs_epi16(ones, ones);
      __asm__ volatile("" : "+x"(pairs));  // keeps the compiler from removing the loop
      sums[i] = _mm256_add_epi16(sums[i], pairs);
      __asm__ volatile("" : "+x"(sums[i]));
    }
  }
  return (double)turns * SUMS * 64;
}
