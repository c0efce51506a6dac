// Argmax, top-k and log-sum-exp of one row of logits, written once in lanes for all instruction sets.
#pragma once
#include <math.h>
#include "../lanes/layout.h"
#include "../lanes/rows.h"

static size_t argmax(const float *x, size_t width) {
  enum { PIECE = 1024 };
  const lanes lowest = lanes_set(-INFINITY);
  float top = -INFINITY;
  size_t piece = 0;
  for (size_t start = 0; start < width; start += PIECE) {
    const size_t end = smaller(start + PIECE, width);
    lanes most[4] = {lowest, lowest, lowest, lowest};
    size_t i = start;
    // If the first operand of max is NaN, the result is the second.
    for (; i + 4 * LANES <= end; i += 4 * LANES) {
      for (int m = 0; m < 4; m++) most[m] = lanes_max(lanes_load(x + i + m * LANES), most[m]);
    }
    for (; i < end; i += LANES) {
      const size_t n = smaller(end - i, LANES);
      most[0] = lanes_max(lanes_first(n, lanes_load_some(x + i, n), lowest), most[0]);
    }
    const lanes all = lanes_max(lanes_max(most[0], most[1]), lanes_max(most[2], most[3]));
    if (!lanes_any_greater(all, lanes_set(top))) continue;
    top = lanes_top(all);
    piece = start;
  }
  for (size_t i = piece; i < width; i++) {
    if (x[i] == top) return i;
  }
  return 0;  // nothing but NaN and -infinity
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
    // A later id loses a tie, so only a greater value enters the heap. Most groups of sixteen have none.
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

// Adds exponentials in float32 within a piece, and the sums of pieces in double, so that a sum over 200,000 logits stays
// exact enough.
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
