// One row of tiles times one panel with AVX-512 VNNI: vpdpbusd adds 4 products for each of 16 outputs.
#pragma once
#include <immintrin.h>
#include <string.h>
#include "layout.h"

// Weights are prefetched this many bytes ahead of the current tile, because reading memory takes longer than
// the arithmetic for up to about four rows. The hint is T1 for every number of rows, because the non-temporal
// hint halves the speed on Intel.
enum { AHEAD = 8192 };

static inline __attribute__((always_inline)) void prefetch_ahead(const uint8_t *tile, int tile_bytes) {
  // May point beyond the matrix, because a prefetch never faults.
  for (int line = 0; line < tile_bytes; line += 64) _mm_prefetch((const char *)tile + AHEAD + line, _MM_HINT_T1);
}

static inline __attribute__((always_inline)) void unpack_tile(int bits, const uint8_t *tile, __m512i w[8]) {
  const __m512i low = _mm512_set1_epi8(15);
  for (int v = 0; v < (bits == 4 ? 4 : 8); v++) {
    const __m512i bytes = _mm512_loadu_si512(tile + 64 * v);
    if (bits == 8) {
      w[v] = bytes;
    } else {
      w[2 * v] = _mm512_and_si512(bytes, low);
      w[2 * v + 1] = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
    }
  }
}

// `bits` and `rows` are constants when this is inlined, so that the sums of all rows stay in registers.
static inline __attribute__((always_inline)) void tile_row(int bits, int rows, const uint8_t *tile, size_t blocks,
                                                           const uint8_t *panel, float *y, size_t stride,
                                                           __mmask16 outputs) {
  const int weight_bytes = bits == 4 ? 256 : 512;
  const int tile_bytes = weight_bytes + TILE_SCALES;
  __m512 sums[PANEL_ROWS];
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++) sums[r] = _mm512_setzero_ps();

  for (size_t block = 0; block < blocks; block++) {
    prefetch_ahead(tile, tile_bytes);
    __m512i w[8];
    unpack_tile(bits, tile, w);
    const __m512 tile_scales = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(tile + weight_bytes)));
    const uint8_t *scales = panel + rows * BLOCK;
    const uint8_t *offsets = scales + rows * sizeof(float);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
      int32_t offset;
      float scale;
      memcpy(&offset, offsets + r * sizeof offset, sizeof offset);
      memcpy(&scale, scales + r * sizeof scale, sizeof scale);
      // The weights in `w` are 8 too large at 4 bits and 128 at 8, so the sum starts at -8 Σq or -128 Σq.
      __m512i dot = _mm512_set1_epi32(bits == 4 ? offset : offset * 16);
#pragma GCC unroll 8
      for (int v = 0; v < 8; v++) {
        int32_t four;
        memcpy(&four, panel + r * BLOCK + 4 * v, sizeof four);
        dot = _mm512_dpbusd_epi32(dot, w[v], _mm512_set1_epi32(four));
      }
      sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(_mm512_set1_ps(scale), tile_scales), sums[r]);
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
  switch (rows * 2 + (bits == 8)) {
#define ROWS(n)                                                                            \
  case n * 2: tile_row(4, n, tile, blocks, panel, y, stride, mask); break;                 \
  case n * 2 + 1: tile_row(8, n, tile, blocks, panel, y, stride, mask); break;
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8)
    ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14) ROWS(15) ROWS(16)
#undef ROWS
  }
}
