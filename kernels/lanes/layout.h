// Sizes and layouts that every file shares: weight tiles, activation panels, cache pages.
#pragma once
#include <stddef.h>
#include <stdint.h>

_Static_assert(sizeof(size_t) == 8, "sizes are computed in 64 bits");

enum {
  BLOCK = 32,        // inputs that share a scale
  TILE_ROWS = 16,    // outputs of one tile
  TILE_SCALES = 32,  // bytes of a tile's float16 scales, which follow its weights
  PANEL_ROWS = 16,   // most activation rows of one pass over a row of tiles
  PAGE = 32,         // positions of a cache page
  SEGMENT = 512,     // positions whose softmax is computed in one piece; another number changes bits (KERNELS_VERSION)
  LANES = 16,
};

// Bytes of a tile's weights, which have 4, 6 or 8 bits.
static inline int tile_weights(int bits) { return 64 * bits; }
// Weight of output `lane` and input `i` of a tile, unsigned. model/tiles has the same layouts, and describes them.
static inline uint8_t unpack_weight(int bits, const uint8_t *tile, int lane, int i) {
  const uint8_t *at = tile + 4 * lane + i % 4;
  if (bits == 8) return at[64 * (i / 4)];
  const int low = at[64 * (i / 8)] >> (i % 8 < 4 ? 0 : 4) & 15;
  return (uint8_t)(bits == 4 ? low : low | (at[256 + 64 * (i / 16)] >> i % 16 / 4 * 2 & 3) << 4);
}

// A panel has 1..16 rows of activations, block after block, so that a kernel reads one stream of memory. Each block has the
// 32 int8 values of each row, then the float32 scale of each row, then -8 * (sum of the 32 values) of each row, which
// cancels the offset of the weights.
enum { PANEL_BYTES = BLOCK + sizeof(float) + sizeof(int32_t) };  // bytes of one row of one block

// Unpacked weights are unsigned, so they are 8, 32 or 128 too large. What cancels this is the panel's offset times this factor.
static inline int offset_factor(int bits) { return 1 << (bits - 4); }

// Row r of panel p is row panel_start(p) + r. Rows are spread evenly, so that no panel is nearly empty.
static inline size_t panel_count(size_t rows) { return (rows + PANEL_ROWS - 1) / PANEL_ROWS; }
static inline size_t panel_start(size_t rows, size_t panel) { return rows * panel / panel_count(rows); }

static inline size_t blocks_of(size_t cols) { return (cols + BLOCK - 1) / BLOCK; }
static inline size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }
static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// One layer's part of a cache page has one key head after another. Keys lie [headDim][PAGE], so that the lanes of a vector
// are positions and a score needs no sum across lanes. Values lie [PAGE][headDim padded with zeros to a multiple of 16].
//
// A page takes an odd number of KiB. If its size were a multiple of a large power of two, one layer's parts of all pages
// would fall into the same few sets of the second-level cache.
static inline size_t value_width(size_t head_dim) { return round_up(head_dim, LANES); }
static inline size_t page_head_halves(size_t head_dim) { return PAGE * (head_dim + value_width(head_dim)); }
static inline size_t page_bytes_of(size_t layers, size_t kv_heads, size_t head_dim) {
  const size_t used = layers * kv_heads * page_head_halves(head_dim) * sizeof(uint16_t);
  return ((used + 1023) / 1024 | 1) * 1024;
}
