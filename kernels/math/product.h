// Products of quantised matrices, split over the pool. The caller checks sizes.
#pragma once
#include "../lanes/layout.h"
#include "../system/map.h"
#include "../path/path.h"

struct matrix {
  const uint8_t *data;
  size_t rows, cols;
  int bits;         // 4, 6 or 8
  struct map *map;  // the file that data points into, or NULL
  void *owned;      // the matrix's own memory that data points to, or NULL
  size_t uses;
};

static inline size_t tile_bytes(int bits) { return (size_t)tile_weights(bits) + TILE_SCALES; }
static inline size_t row_blocks(const struct matrix *m) { return (m->rows + TILE_ROWS - 1) / TILE_ROWS; }
// Bytes of one row of tiles.
static inline size_t row_block_bytes(const struct matrix *m) { return blocks_of(m->cols) * tile_bytes(m->bits); }

// The fewest rows of tiles, of `bytes` each, that a thread takes as one range. Reading the start of a range is slow.
static inline size_t blocks_worth_a_range(size_t bytes) { return (24576 + bytes - 1) / bytes; }

static inline size_t panels_bytes(size_t rows, size_t cols) { return rows * blocks_of(cols) * PANEL_BYTES; }

// The address of panel `panel`, if `rows` rows are in panels one after another.
static inline const uint8_t *panel_at(const uint8_t *panels, size_t rows, size_t cols, size_t panel) {
  return panels + panel_start(rows, panel) * blocks_of(cols) * PANEL_BYTES;
}

// Call all of these under the pool's lock. They return false if there is no memory.
// biases[i] is added to each row of y[i], unless it is NULL.
bool product(const float *x, size_t n, const struct matrix *const *matrices, const float *const *biases,
             float *const *y, size_t count);

struct expert {
  struct matrix *gate, *up, *down;
  float *gate_bias, *up_bias, *down_bias;  // or NULL
  void *owned;                             // the memory that the biases are in, or NULL
  bool is_clamped;                         // see clamped_swiglu in path.h
  float alpha, limit;
};
// The row of x that an expert reads, and the row of y that it writes.
struct place {
  int32_t from, to;
};
// Group g is the next `counts[g]` places. If places is NULL, rows of x and y lie in order.
bool experts(const float *x, const struct expert *const *experts, const int32_t *counts, size_t groups,
             const struct place *places, float *y);
