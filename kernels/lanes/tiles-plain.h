// One row of tiles times one panel in plain C. The faster headers must give the same bits.
#pragma once
#include <math.h>
#include <string.h>
#include "lanes-plain.h"
#include "layout.h"

// The 32 weights of output `lane`. The offset (8, 32 or 128) is not subtracted.
static inline void unpack_lane(int bits, const uint8_t *tile, int lane, uint8_t w[BLOCK]) {
  for (int i = 0; i < BLOCK; i++) w[i] = unpack_weight(bits, tile, lane, i);
}

static void tiles(int bits, const uint8_t *tile, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                  size_t stride, size_t outputs) {
  const size_t weight_bytes = (size_t)tile_weights(bits);
  float sums[PANEL_ROWS][TILE_ROWS] = {{0}};
  for (size_t block = 0; block < blocks; block++) {
    const uint8_t *scales = panel + rows * BLOCK;
    const uint8_t *offsets = scales + rows * sizeof(float);
    for (size_t lane = 0; lane < outputs; lane++) {
      uint8_t w[BLOCK];
      uint16_t half;
      unpack_lane(bits, tile, (int)lane, w);
      memcpy(&half, tile + weight_bytes + 2 * lane, sizeof half);
      const float tile_scale = half_to_float(half);
      for (size_t r = 0; r < rows; r++) {
        float scale;
        int32_t offset;
        memcpy(&scale, scales + r * sizeof scale, sizeof scale);
        memcpy(&offset, offsets + r * sizeof offset, sizeof offset);
        int32_t dot = offset * offset_factor(bits);
        for (int i = 0; i < BLOCK; i++) dot += w[i] * (int8_t)panel[r * BLOCK + i];
        sums[r][lane] = fmaf((float)dot, scale * tile_scale, sums[r][lane]);
      }
    }
    tile += weight_bytes + TILE_SCALES;
    panel += rows * PANEL_BYTES;
  }
  for (size_t r = 0; r < rows; r++) memcpy(y + r * stride, sums[r], outputs * sizeof(float));
}
