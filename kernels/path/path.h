// A path: the innermost routines, compiled for one instruction set. They do not check sizes.
#pragma once
#include <stdbool.h>
#include "../lanes/layout.h"

// Up to PANEL_ROWS (query, head) pairs that read the same key head; see attend.h.
struct tile_of_queries {
  const uint16_t *pages;  // this layer's and key head's part of page 0
  size_t page_stride;     // float16 values from one page to the next
  const int32_t *table;   // the sequence's pages
  const float *q;         // row 0 of the span, first head of the group
  float *y;               // same layout as q
  size_t row_stride;      // floats from one row of q and y to the next
  size_t head_dim;
  size_t group;           // query heads that share a key head
  size_t first, count;    // pairs: number p is row p / group, head p % group
  size_t start;           // position of the span's row 0
  size_t window, chunk;   // 0, or the most positions that a pair sees, and the size of the chunk that it sees the rest of
  const float *sinks;     // NULL, or one logit for each head of the group
  float scale;
};

struct path {
  const char *name;
  bool (*available)(void);

  // Rounds 1..PANEL_ROWS rows of `cols` values into a panel. The rows may be anywhere in memory.
  void (*quantise)(const float *const *x, size_t rows, size_t cols, uint8_t *panel);
  // Multiplies one row of tiles (16 outputs) by one panel. Writes y[r * stride + lane] for the lanes below `outputs`.
  void (*tiles)(int bits, const uint8_t *tiles, size_t blocks, const uint8_t *panel, size_t rows, float *y,
                size_t stride, size_t outputs);
  bool prefetches;  // whether `tiles` prefetches weights; see prefetch.h
  // Adds products of bytes in registers only, as fast as the CPU can, and returns the number of multiplications and
  // additions. NULL if the path keeps sums in memory or was never measured.
  double (*peak)(size_t turns);
  // gate = silu(gate) * up
  void (*swiglu)(float *gate, const float *up, size_t count);
  // With g = min(gate, limit) and u = up, limited to -limit … limit: gate = g * sigmoid(alpha * g) * (u + 1)
  void (*clamped_swiglu)(float *gate, const float *up, float alpha, float limit, size_t count);
  void (*rmsnorm)(const float *x, const float *weight, float eps, size_t width, float *y);
  // y may be a or b.
  void (*add)(const float *a, const float *b, size_t width, float *y);
  // y *= factor
  void (*scale_row)(float *y, float factor, size_t width);
  // y += weight * a
  void (*add_weighted)(const float *a, float weight, size_t width, float *y);
  // Writes y[r * stride + o] for each row r and output o; weights [outputs, cols].
  void (*scores)(const float *x, size_t rows, const float *weights, size_t outputs, size_t cols, float *y,
                 size_t stride);
  // Rotates the pairs (i, i + half) of one head, in place.
  void (*rotate)(float *x, const float *cos, const float *sin, size_t half);
  // Writes the first `count` values as float16, followed by zeros up to a multiple of 16.
  void (*halves)(const float *x, size_t count, uint16_t *y);

  size_t (*attend_floats)(size_t head_dim);  // floats of scratch memory that attend needs
  void (*attend)(const struct tile_of_queries *tile, float *scratch);

  // The exclusive or of all bytes, 8 at a time, read at the speed of memory.
  uint64_t (*sweep)(const uint8_t *bytes, size_t count);

  size_t (*argmax)(const float *x, size_t width);
  // The k largest, largest first; of equal values, the lowest index first. NaN counts as -infinity.
  void (*topk)(const float *x, size_t width, size_t k, int32_t *ids, float *values);
  double (*logsumexp)(const float *x, size_t width, float inverse_temperature);

  // For drawing; see pieces.h.
  float (*weigh_piece)(const float *x, size_t count, float top, float inverse_temperature, float least, float *w);
  float (*measure_piece)(const float *w, size_t count, float least, size_t *found);
  float (*cut_piece)(float *w, size_t count, float least);
};

// All compiled paths, best first; NULL ends the list. Paths that this CPU cannot run are not `available`.
extern const struct path *const all_paths[];

const struct path *current_path(void);
// False if the name is unknown or its path is not available.
bool choose_path(const char *name);
