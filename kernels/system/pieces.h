// Routines for drawing an id, over one piece (at most PIECE values) of a row of logits. Each path includes them.
#pragma once
#include "../lanes/rows.h"

// Writes w = e^((x - top) * inverse_temperature), or 0 if that is below `least` or NaN. Returns the sum.
static float weigh_piece(const float *x, size_t count, float top, float inverse_temperature, float least, float *w) {
  const lanes tops = lanes_set(top), factor = lanes_set(inverse_temperature), bound = lanes_set(least);
  const lanes zero = lanes_set(0), gone = lanes_set(-86.0f);
  lanes sum = zero;
  for (size_t i = 0; i < count; i += LANES) {
    const size_t n = smaller(count - i, LANES);
    const lanes power = lanes_mul(lanes_sub(lanes_load_some(x + i, n), tops), factor);
    lanes e = lanes_exp(power);
    e = lanes_if_less(gone, power, e, zero);  // lanes_exp never returns 0, so tiny weights and NaN become 0 here
    e = lanes_first(n, lanes_if_less(e, bound, zero, e), zero);
    lanes_store_some(w + i, e, n);
    sum = lanes_add(sum, e);
  }
  return lanes_sum(sum);
}

// Number and sum of the weights that are `least` (above 0) or more. There are four sums and four counts, because each addition
// waits for the one before it.
static float measure_piece(const float *w, size_t count, float least, size_t *found) {
  const lanes bound = lanes_set(least), zero = lanes_set(0), one = lanes_set(1);
  lanes sums[4] = {zero, zero, zero, zero}, numbers[4] = {zero, zero, zero, zero};
  size_t i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES) {
    for (size_t part = 0; part < 4; part++) {
      const lanes v = lanes_load(w + i + part * LANES);
      sums[part] = lanes_add(sums[part], lanes_if_less(v, bound, zero, v));
      numbers[part] = lanes_add(numbers[part], lanes_if_less(v, bound, zero, one));
    }
  }
  for (; i < count; i += LANES) {
    const lanes v = lanes_load_some(w + i, smaller(count - i, LANES));
    sums[0] = lanes_add(sums[0], lanes_if_less(v, bound, zero, v));
    numbers[0] = lanes_add(numbers[0], lanes_if_less(v, bound, zero, one));
  }
  *found = (size_t)lanes_sum(lanes_add(lanes_add(numbers[0], numbers[1]), lanes_add(numbers[2], numbers[3])));
  return lanes_sum(lanes_add(lanes_add(sums[0], sums[1]), lanes_add(sums[2], sums[3])));
}

// Zeroes the weights below `least` (above 0). Returns the sum of the others.
static float cut_piece(float *w, size_t count, float least) {
  const lanes bound = lanes_set(least), zero = lanes_set(0);
  lanes sum = zero;
  for (size_t i = 0; i < count; i += LANES) {
    const size_t n = smaller(count - i, LANES);
    lanes v = lanes_load_some(w + i, n);
    v = lanes_if_less(v, bound, zero, v);
    lanes_store_some(w + i, v, n);
    sum = lanes_add(sum, v);
  }
  return lanes_sum(sum);
}
