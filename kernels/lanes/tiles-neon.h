// One row of tiles times one panel with NEON's dot product: sdot adds 4 products for each of 4 outputs.
#pragma once
#include <arm_neon.h>
#include <string.h>
#include "layout.h"

enum { ROWS_AT_ONCE = 4 };

// Computes four outputs of the tile (`quarter` 0..3). The weights are made signed first, so the offsets in the panel are
// not needed.
static inline __attribute__((always_inline)) void quarter_tile_row(int bits, int rows, int quarter,
                                                                   const uint8_t *tile, size_t blocks,
                                                                   const uint8_t *panel, size_t panel_rows,
                                                                   size_t first, float *y, size_t stride,
                                                                   size_t outputs) {
  const int weight_bytes = tile_weights(bits), vectors = bits == 8 ? 8 : 4;
  const uint8x16_t low = vdupq_n_u8(15), high = vdupq_n_u8(0x30), middle = vdupq_n_u8(1 << (bits - 1));
  float32x4_t sums[ROWS_AT_ONCE];
  for (int r = 0; r < rows; r++) sums[r] = vdupq_n_f32(0);
  for (size_t block = 0; block < blocks; block++) {
    int32x4_t dots[ROWS_AT_ONCE];
    for (int r = 0; r < rows; r++) dots[r] = vdupq_n_s32(0);
    for (int v = 0; v < vectors; v++) {
      const uint8x16_t bytes = vld1q_u8(tile + 64 * v + 16 * quarter);
      uint8x16_t first_four = bits == 8 ? bytes : vandq_u8(bytes, low), second_four = vshrq_n_u8(bytes, 4);
      if (bits == 6) {
        const uint8x16_t highs = vld1q_u8(tile + 256 + 64 * (v / 2) + 16 * quarter);
        const int8x16_t left = vdupq_n_s8(v % 2 == 0 ? 4 : 0);
        first_four = vorrq_u8(first_four, vandq_u8(vshlq_u8(highs, left), high));
        second_four = vorrq_u8(second_four, vandq_u8(vshlq_u8(highs, vsubq_s8(left, vdupq_n_s8(2))), high));
      }
      const int8x16_t a = vreinterpretq_s8_u8(vsubq_u8(first_four, middle));
      const int8x16_t b = vreinterpretq_s8_u8(vsubq_u8(second_four, middle));
      for (int r = 0; r < rows; r++) {
        const uint8_t *x = panel + (first + (size_t)r) * BLOCK + (bits == 8 ? 4 : 8) * v;
        int32_t four;
        memcpy(&four, x, sizeof four);
        dots[r] = vdotq_s32(dots[r], a, vreinterpretq_s8_s32(vdupq_n_s32(four)));
        if (bits == 8) continue;
        memcpy(&four, x + 4, sizeof four);
        dots[r] = vdotq_s32(dots[r], b, vreinterpretq_s8_s32(vdupq_n_s32(four)));
      }
    }
    const float32x4_t tile_scales =
        vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(tile + weight_bytes + 8 * quarter)));
    for (int r = 0; r < rows; r++) {
      float scale;
      memcpy(&scale, panel + panel_rows * BLOCK + (first + (size_t)r) * sizeof scale, sizeof scale);
      sums[r] = vfmaq_f32(sums[r], vcvtq_f32_s32(dots[r]), vmulq_f32(vdupq_n_f32(scale), tile_scales));
    }
    tile += weight_bytes + TILE_SCALES;
    panel += panel_rows * PANEL_BYTES;
  }
  for (int r = 0; r < rows; r++) {
    float four[4];
    vst1q_f32(four, sums[r]);
    memcpy(y + (first + (size_t)r) * stride, four, outputs * sizeof(float));
  }
}

static void tiles(int bits, const uint8_t *tile, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                  size_t stride, size_t outputs) {
  for (int quarter = 0; quarter < 4; quarter++) {
    const size_t from = 4 * (size_t)quarter;
    if (outputs <= from) return;
    const size_t four = smaller(outputs - from, 4);
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
      switch (smaller(rows - first, ROWS_AT_ONCE) * 16 + (size_t)bits) {
#define ROWS_OF(bits, n) \
  case n * 16 + bits: quarter_tile_row(bits, n, quarter, tile, blocks, panel, rows, first, y + from, stride, four); break;
#define ROWS(n) ROWS_OF(4, n) ROWS_OF(6, n) ROWS_OF(8, n)
        ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#undef ROWS
#undef ROWS_OF
      }
    }
  }
}
