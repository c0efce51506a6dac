// One row of tiles times one panel with AVX2, which has no instruction that adds four products of bytes into 32 bits.
#pragma once
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>
#include "layout.h"
#include "prefetch.h"

// vpmaddubsw adds two products into 16 bits. Half of an output's products in a block add up to at most 16 * 15 * 127 = 30,480
// with 4-bit weights, so a block is summed in 16 bits and widened once. An 8-bit weight is computed as two 4-bit weights; the
// sum of the high ones is multiplied by 16. With 6-bit weights, four products add up to at most 4 * 63 * 127 = 32,004, so the
// products of 8 inputs are summed in 16 bits and widened.

enum {
  HALVES = 2,     // vectors of 8 outputs in a tile
  FOURS = 8,      // groups of 4 inputs in a block
  MOST_PARTS = 2,
  MOST_TOGETHER = 2,
  MOST_AT_ONCE = 4,
};
// Parts of a weight whose products are summed separately.
static inline int parts_of(int bits) { return bits == 8 ? 2 : 1; }
// Groups of 4 inputs whose weights are unpacked together.
static inline int fours_together(int bits) { return bits == 6 ? 2 : 1; }
// Rows whose sums fit into the registers.
static inline size_t rows_at_once(int bits) { return bits == 8 ? 2 : 4; }

// Weights of 4 inputs and 8 outputs, unsigned: at 8 bits, the low four bits (part 0) or the high ones.
static inline __attribute__((always_inline)) __m256i four_weights(int bits, const uint8_t *tile, int four, int half,
                                                                  int part) {
  const int from = bits == 8 ? four : four / 2;
  const bool high = bits == 8 ? part == 1 : four % 2 == 1;
  const __m256i bytes = _mm256_loadu_si256((const __m256i *)(tile + 64 * from + 32 * half));
  const __m256i low = _mm256_and_si256(high ? _mm256_srli_epi16(bytes, 4) : bytes, _mm256_set1_epi8(15));
  if (bits != 6) return low;
  const __m256i highs = _mm256_loadu_si256((const __m256i *)(tile + 256 + 64 * (four / 4) + 32 * half));
  const __m256i left = four % 4 == 0 ? _mm256_slli_epi16(highs, 4) : _mm256_slli_epi16(highs, 2);
  const __m256i moved = four % 4 < 2 ? left : four % 4 == 2 ? highs : _mm256_srli_epi16(highs, 2);
  return _mm256_or_si256(low, _mm256_and_si256(moved, _mm256_set1_epi8(0x30)));
}

// One block of a tile, and the same block of rows of a panel.
struct block {
  const uint8_t *tile;
  __m256 tile_scales[HALVES];
  const uint8_t *values, *scales, *offsets;
};

// Adds the products of `rows` rows to their sums. `bits` and `rows` are constants when this is inlined.
static inline __attribute__((always_inline)) void add_block(int bits, int rows, const struct block *block,
                                                            __m256 sums[][HALVES]) {
  const int parts = parts_of(bits), together = fours_together(bits), each = HALVES * parts;
  __m256i pairs[MOST_AT_ONCE][HALVES][MOST_PARTS], dots[MOST_AT_ONCE][HALVES];
#pragma GCC unroll 8
  for (int first = 0; first < FOURS; first += together) {
    __m256i w[MOST_TOGETHER * HALVES * MOST_PARTS];
#pragma GCC unroll 4
    for (int i = 0; i < together * each; i++) {
      w[i] = four_weights(bits, block->tile, first + i / each, i % each / parts, i % parts);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
      for (int i = 0; i < together * each; i++) {
        int32_t inputs;
        memcpy(&inputs, block->values + r * BLOCK + 4 * (first + i / each), sizeof inputs);
        __m256i *sum = &pairs[r][i % each / parts][i % parts];
        const __m256i products = _mm256_maddubs_epi16(w[i], _mm256_set1_epi32(inputs));
        *sum = i < each && (bits == 6 || first == 0) ? products : _mm256_add_epi16(*sum, products);
        // Keeps the order of additions. GCC would add in the form of a tree, for which there are not enough registers.
        __asm__("" : "+x"(*sum));
      }
#pragma GCC unroll 2
      for (int half = 0; bits == 6 && half < HALVES; half++) {
        const __m256i wide = _mm256_madd_epi16(pairs[r][half][0], _mm256_set1_epi16(1));
        dots[r][half] = first == 0 ? wide : _mm256_add_epi32(dots[r][half], wide);
        __asm__("" : "+x"(dots[r][half]));
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    float scale;
    int32_t offset;
    memcpy(&scale, block->scales + r * sizeof scale, sizeof scale);
    memcpy(&offset, block->offsets + r * sizeof offset, sizeof offset);
#pragma GCC unroll 2
    for (int half = 0; half < HALVES; half++) {
      __m256i dot = _mm256_set1_epi32(offset * offset_factor(bits));
      dot = _mm256_add_epi32(
          dot, bits == 6 ? dots[r][half] : _mm256_madd_epi16(pairs[r][half][0], _mm256_set1_epi16(1)));
      if (parts > 1) dot = _mm256_add_epi32(dot, _mm256_madd_epi16(pairs[r][half][1], _mm256_set1_epi16(16)));
      const __m256 both = _mm256_mul_ps(_mm256_set1_ps(scale), block->tile_scales[half]);
      sums[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), both, sums[r][half]);
    }
  }
}

// What later rows of a panel prefetch, which find their own weights in the cache: the row of tiles behind this one, so that the
// memory is not idle meanwhile. `bytes` are those of a row of tiles. Too few rows would wait for the memory themselves.
static inline __attribute__((always_inline)) struct prefetch prefetch_beside(int bits, int rows, size_t first,
                                                                             size_t bytes) {
  const bool helps = first == rows_at_once(bits) && rows >= 3;
  return (struct prefetch){helps ? HINT_T1 : HINT_NONE, bytes};
}

// Rows `first` to `first + rows` of a panel of `panel_rows`. `bits` and `rows` are constants when this is inlined.
static inline __attribute__((always_inline)) void tile_row(int bits, int rows, const uint8_t *tile, size_t blocks,
                                                           const uint8_t *panel, size_t panel_rows, size_t first,
                                                           float *y, size_t stride, size_t outputs) {
  const int weight_bytes = tile_weights(bits), tile_bytes = weight_bytes + TILE_SCALES;
  const struct prefetch choice = first == 0 ? prefetch : prefetch_beside(bits, rows, first, blocks * tile_bytes);
  __m256 sums[MOST_AT_ONCE][HALVES];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (size_t at = 0; at < blocks; at++) {
    prefetch_tile(choice.hint, tile + choice.ahead, tile_bytes);
    const __m128i *tile_scales = (const __m128i *)(tile + weight_bytes);
    const uint8_t *scales = panel + panel_rows * BLOCK + first * sizeof(float);
    const struct block block = {
        .tile = tile,
        .tile_scales = {_mm256_cvtph_ps(_mm_loadu_si128(tile_scales)), _mm256_cvtph_ps(_mm_loadu_si128(tile_scales + 1))},
        .values = panel + first * BLOCK,
        .scales = scales,
        .offsets = scales + panel_rows * sizeof(float),
    };
    add_block(bits, rows, &block, sums);
    tile += tile_bytes;
    panel += panel_rows * PANEL_BYTES;
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    float sixteen[TILE_ROWS];
    _mm256_storeu_ps(sixteen, sums[r][0]);
    _mm256_storeu_ps(sixteen + TILE_ROWS / HALVES, sums[r][1]);
    memcpy(y + (first + r) * stride, sixteen, outputs * sizeof(float));
  }
}

static void tiles(int bits, const uint8_t *tile, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                  size_t stride, size_t outputs) {
  const size_t at_once = rows_at_once(bits);
  for (size_t first = 0; first < rows; first += at_once) {
    switch (smaller(rows - first, at_once) * 16 + (size_t)bits) {
#define ROWS(bits, n) \
  case n * 16 + bits: tile_row(bits, n, tile, blocks, panel, rows, first, y, stride, outputs); break;
      ROWS(4, 1) ROWS(4, 2) ROWS(4, 3) ROWS(4, 4) ROWS(6, 1) ROWS(6, 2) ROWS(6, 3) ROWS(6, 4) ROWS(8, 1) ROWS(8, 2)
#undef ROWS
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
