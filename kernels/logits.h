// Routines over one row of logits, written once in lanes.
#pragma once
#include <math.h>
#include "layout.h"
#include "rows.h"

static size_t argmax(const float *x, size_t width) {
  const lanes lowest = lanes_set(-INFINITY);
  lanes most = lowest;
  // A NaN in the first operand of max gives way to the second.
  for (size_t i = 0; i < width; i += LANES) {
    const size_t n = smaller(width - i, LANES);
    most = lanes_max(lanes_first(n, lanes_load_some(x + i, n), lowest), most);
  }
  const float top = lanes_top(most);
  for (size_t i = 0; i < width; i++) {
    if (x[i] == top || (isinf(top) && top < 0)) return i;
  }
  return 0;
}

struct candidate {
  float key;  // the value, or -infinity for NaN
  int32_t id;
};

static bool worse(struct candidate a, struct candidate b) { return a.key < b.key || (a.key == b.key && a.id > b.id); }

// Restores the heap (worst on top) below `at`.
static void sink(struct candidate *heap, size_t count, size_t at) {
  const struct candidate moved = heap[at];
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && worse(heap[child + 1], heap[child])) child++;
    if (!worse(heap[child], moved)) break;
    heap[at] = heap[child];
  }
  heap[at] = moved;
}

enum { MOST_CANDIDATES = 4096 };

static void topk(const float *x, size_t width, size_t k, int32_t *ids, float *values) {
  struct candidate heap[MOST_CANDIDATES];
  for (size_t i = 0; i < k; i++) heap[i] = (struct candidate){isnan(x[i]) ? -INFINITY : x[i], (int32_t)i};
  for (size_t i = k / 2; i-- > 0;) sink(heap, k, i);
  for (size_t i = k; i < width;) {
    // Later ids lose ties, so only a strictly greater value enters; most sixteens hold none.
    if (i + LANES <= width && !lanes_any_greater(lanes_load(x + i), lanes_set(heap[0].key))) {
      i += LANES;
      continue;
    }
    for (const size_t end = smaller(i + LANES, width); i < end; i++) {
      if (!(x[i] > heap[0].key)) continue;
      heap[0] = (struct candidate){x[i], (int32_t)i};
      sink(heap, k, 0);
    }
  }
  for (size_t count = k; count-- > 0;) {
    ids[count] = heap[0].id;
    values[count] = x[heap[0].id];
    heap[0] = heap[count];
    sink(heap, count, 0);
  }
}

// Exponentials are added in float32 within a piece, pieces in double: 200,000 of them lose no digits.
static double logsumexp(const float *x, size_t width, float inverse_temperature) {
  enum { PIECE = 1024 };
  const lanes top = lanes_set(x[argmax(x, width)]), zero = lanes_set(0), factor = lanes_set(inverse_temperature);
  double total = 0;
  for (size_t start = 0; start < width; start += PIECE) {
    const size_t end = smaller(start + PIECE, width);
    lanes sum = zero;
    for (size_t i = start; i < end; i += LANES) {
      const size_t n = smaller(end - i, LANES);
      const lanes e = lanes_exp(lanes_mul(lanes_sub(lanes_load_some(x + i, n), top), factor));
      sum = lanes_add(sum, lanes_first(n, e, zero));
    }
    total += lanes_sum(sum);
  }
  float largest[LANES];
  lanes_store(largest, lanes_mul(top, factor));
  return largest[0] + log(total);
}
