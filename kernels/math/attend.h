// Attention of a few (query, head) pairs that read one key head, written once in lanes.
//
// The order of every sum is fixed, so that a pair's bits depend on its query, its position and the cache alone. A score is
// a sum of products of query and key in order. Positions are processed in segments of SEGMENT. For each segment, the
// maximum, the exponentials, their sum (16 lanes, folded) and the sum of the weighted values (position after position) are
// computed. Then the segments are joined in order.
//
// SCORE_PAIRS, and VALUE_PAIRS x VALUE_LANES, say how many sums one pass keeps in registers. Each path sets its own
// numbers, which do not affect bits.
#pragma once
#include "../lanes/layout.h"
#include "../path/path.h"
#include "../lanes/rows.h"

struct attend_scratch {
  float *q;        // [head_dim][PANEL_ROWS], scaled
  float *scores;   // [PANEL_ROWS][SEGMENT]
  float *segment;  // [PANEL_ROWS][width]
  float *sums;     // [PANEL_ROWS][width]
};

static size_t attend_floats(size_t head_dim) {
  return PANEL_ROWS * (head_dim + SEGMENT + 2 * value_width(head_dim));
}

// Pages are far apart in memory, so they are prefetched by hand, one phase ahead. While scores are computed, the values of
// the page and the keys of the next page are prefetched. While values are added, the keys of the next segment are
// prefetched.
static inline void to_second_level(const uint16_t *p) { __builtin_prefetch(p, 0, 2); }

// Number of positions that the tile's last pair sees.
static inline size_t length_seen(const struct tile_of_queries *t) {
  return t->start + (t->first + t->count - 1) / t->group + 1;
}
static inline size_t pages_seen(const struct tile_of_queries *t) { return (length_seen(t) + PAGE - 1) / PAGE; }

static inline const uint16_t *page_at(const struct tile_of_queries *t, size_t page) {
  return t->pages + (size_t)t->table[page] * t->page_stride;
}

// Scores of `pairs` pairs (a constant when this is inlined) at the 32 positions of a page. Scores behind the sequence's end
// are garbage.
static inline __attribute__((always_inline)) void score_page(int pairs, const float *q, const uint16_t *keys,
                                                             const uint16_t *next, size_t head_dim, float *scores) {
  const uint16_t *values = keys + PAGE * head_dim;
  lanes low[SCORE_PAIRS], high[SCORE_PAIRS];
  for (int p = 0; p < pairs; p++) low[p] = high[p] = lanes_set(0);
  for (size_t d = 0; d < head_dim; d++, q += PANEL_ROWS, keys += PAGE, values += PAGE, next += PAGE) {
    to_second_level(values);
    to_second_level(next);
    const lanes a = lanes_load_half(keys), b = lanes_load_half(keys + LANES);
#pragma GCC unroll 8
    for (int p = 0; p < pairs; p++) {
      const lanes value = lanes_set(q[p]);
      low[p] = lanes_fma(value, a, low[p]);
      high[p] = lanes_fma(value, b, high[p]);
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < pairs; p++) {
    lanes_store(scores + p * SEGMENT, low[p]);
    lanes_store(scores + p * SEGMENT + LANES, high[p]);
  }
}

static void score_segment(const struct tile_of_queries *t, const float *q, size_t first_page, size_t pages,
                          float *scores) {
  for (size_t page = 0; page < pages; page++) {
    const uint16_t *keys = page_at(t, first_page + page);
    const uint16_t *next = page + 1 < pages ? page_at(t, first_page + page + 1) : keys;
    for (size_t p = 0; p < t->count; p += SCORE_PAIRS) {
      float *to = scores + p * SEGMENT + page * PAGE;
      // Computing a few pairs too many costs less than a loop for every count.
      if (SCORE_PAIRS > 4 && t->count - p > 4) score_page(SCORE_PAIRS, q + p, keys, next, t->head_dim, to);
      else if (SCORE_PAIRS >= 4 && t->count - p > 2) score_page(4, q + p, keys, next, t->head_dim, to);
      else score_page(2, q + p, keys, next, t->head_dim, to);
    }
  }
}

// Turns the first `count` scores into exponentials, padded with zeros to a multiple of 16. Returns their maximum and sum.
static void soften(float *scores, size_t count, float *top, float *sum) {
  lanes most = lanes_set(-INFINITY);
  for (size_t i = 0; i < count; i += LANES) {
    most = lanes_max(lanes_first(smaller(count - i, LANES), lanes_load(scores + i), most), most);
  }
  *top = lanes_top(most);
  const lanes zero = lanes_set(0), shift = lanes_set(*top);
  lanes total = zero;
  for (size_t i = 0; i < count; i += LANES) {
    const lanes e = lanes_exp(lanes_sub(lanes_load(scores + i), shift));
    const lanes kept = lanes_first(smaller(count - i, LANES), e, zero);
    lanes_store(scores + i, kept);
    total = lanes_add(total, kept);
  }
  *sum = lanes_sum(total);
}

// sums[pair][…] += Σ over positions from … to - 1 (of the segment) of weights[pair][position] * values[position][…].
static inline __attribute__((always_inline)) void weigh(int pairs, int vectors, const struct tile_of_queries *t,
                                                        size_t first_page, size_t from, size_t to,
                                                        const float *weights, size_t offset, float *sums) {
  const size_t width = value_width(t->head_dim);
  lanes s[VALUE_PAIRS][VALUE_LANES];
  for (int p = 0; p < pairs; p++) {
    for (int v = 0; v < vectors; v++) s[p][v] = lanes_load(sums + p * width + v * LANES);
  }
  while (from < to) {
    const size_t page = from / PAGE, end = smaller(to, (page + 1) * PAGE), row = from % PAGE * width + offset;
    const uint16_t *values = page_at(t, first_page + page) + PAGE * t->head_dim + row;
    const size_t later = first_page + page + SEGMENT / PAGE;
    const uint16_t *next = later < pages_seen(t) ? page_at(t, later) + row : values;
    for (; from < end; from++, values += width, next += width) {
      lanes value[VALUE_LANES];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) {
        if (v % 2 == 0) to_second_level(next + v * LANES);
        value[v] = lanes_load_half(values + v * LANES);
      }
#pragma GCC unroll 8
      for (int p = 0; p < pairs; p++) {
        const lanes weight = lanes_set(weights[p * SEGMENT + from]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) s[p][v] = lanes_fma(weight, value[v], s[p][v]);
      }
    }
  }
  for (int p = 0; p < pairs; p++) {
    for (int v = 0; v < vectors; v++) lanes_store(sums + p * width + v * LANES, s[p][v]);
  }
}

static void weigh_pairs(int pairs, const struct tile_of_queries *t, size_t first_page, size_t from, size_t to,
                        const float *weights, float *sums) {
  const size_t vectors = value_width(t->head_dim) / LANES;
  for (size_t v = 0; v < vectors; v += VALUE_LANES) {
    const size_t offset = v * LANES;
    switch (smaller(vectors - v, VALUE_LANES) * 2 + (pairs > 1)) {
#define VECTORS(n)                                                                                            \
  case n * 2: weigh(1, n, t, first_page, from, to, weights, offset, sums + offset); break;                    \
  case n * 2 + 1: weigh(VALUE_PAIRS, n, t, first_page, from, to, weights, offset, sums + offset); break;
      VECTORS(1) VECTORS(2)
#if VALUE_LANES > 2
      VECTORS(3) VECTORS(4) VECTORS(5) VECTORS(6)
#endif
#undef VECTORS
    }
  }
}

// Positions of the segment that pair p sees. Pairs are in order of their queries, so a later pair sees at least as many.
static inline size_t seen(const struct tile_of_queries *t, size_t p, size_t segment_start) {
  const size_t length = t->start + (t->first + p) / t->group + 1;
  return length <= segment_start ? 0 : smaller(length - segment_start, SEGMENT);
}

static void weigh_segment(const struct tile_of_queries *t, size_t segment_start, const float *weights, float *sums) {
  const size_t width = value_width(t->head_dim), first_page = segment_start / PAGE;
  for (size_t p = 0; p < t->count; p += VALUE_PAIRS) {
    const size_t pairs = smaller(t->count - p, VALUE_PAIRS);
    // All pairs are summed together over the positions that the first pair sees, and then each pair alone over the rest
    // of its positions. So a position that a pair does not see is never added, not even with a weight of 0.
    const size_t common = pairs == VALUE_PAIRS ? seen(t, p, segment_start) : 0;
    if (common > 0) weigh_pairs(VALUE_PAIRS, t, first_page, 0, common, weights + p * SEGMENT, sums + p * width);
    for (size_t i = p; i < p + pairs; i++) {
      const size_t end = seen(t, i, segment_start);
      if (end > common) weigh_pairs(1, t, first_page, common, end, weights + i * SEGMENT, sums + i * width);
    }
  }
}

static struct attend_scratch carve(float *scratch, size_t head_dim) {
  const size_t width = value_width(head_dim);
  struct attend_scratch s;
  s.scores = scratch;
  s.segment = s.scores + PANEL_ROWS * SEGMENT;
  s.sums = s.segment + PANEL_ROWS * width;
  s.q = s.sums + PANEL_ROWS * width;
  return s;
}

// Adds a segment (maximum, sum, weighted values) to the segments before it.
static void join(size_t width, float *top, float *sum, float *values, float segment_top, float segment_sum,
                 const float *segment) {
  const float most = segment_top > *top ? segment_top : *top;
  const lanes before = lanes_exp(lanes_set(*top - most)), now = lanes_exp(lanes_set(segment_top - most));
  for (size_t i = 0; i < width; i += LANES) {
    lanes_store(values + i, lanes_fma(lanes_load(segment + i), now, lanes_mul(lanes_load(values + i), before)));
  }
  float totals[LANES];
  lanes_store(totals, lanes_fma(lanes_set(segment_sum), now, lanes_mul(lanes_set(*sum), before)));
  *sum = totals[0];
  *top = most;
}

static inline size_t pair_offset(const struct tile_of_queries *t, size_t p) {
  const size_t number = t->first + p;
  return number / t->group * t->row_stride + number % t->group * t->head_dim;
}

// Packs the queries with one column for each pair, so that score_page reads values in order. score_segment may read a few
// columns more than there are pairs, so these are filled too.
static void pack_queries(const struct tile_of_queries *t, float *q) {
  const size_t columns = smaller(round_up(t->count, t->count > 4 ? 8 : 4), PANEL_ROWS);
  for (size_t p = 0; p < columns; p++) {
    const float *row = t->q + pair_offset(t, smaller(p, t->count - 1));
    for (size_t d = 0; d < t->head_dim; d++) q[d * PANEL_ROWS + p] = row[d] * t->scale;
  }
}

static void attend(const struct tile_of_queries *t, float *scratch) {
  const struct attend_scratch s = carve(scratch, t->head_dim);
  const size_t width = value_width(t->head_dim);
  pack_queries(t, s.q);

  float tops[PANEL_ROWS], totals[PANEL_ROWS];
  const size_t length = length_seen(t);
  for (size_t start = 0; start < length; start += SEGMENT) {
    const size_t pages = (smaller(length - start, SEGMENT) + PAGE - 1) / PAGE;
    score_segment(t, s.q, start / PAGE, pages, s.scores);
    float *sums = start == 0 ? s.sums : s.segment;
    memset(sums, 0, t->count * width * sizeof(float));
    float segment_tops[PANEL_ROWS], segment_totals[PANEL_ROWS];
    for (size_t p = 0; p < t->count; p++) {
      const size_t count = seen(t, p, start);
      if (count > 0) soften(s.scores + p * SEGMENT, count, &segment_tops[p], &segment_totals[p]);
    }
    weigh_segment(t, start, s.scores, sums);
    for (size_t p = 0; p < t->count; p++) {
      if (start == 0) {
        tops[p] = segment_tops[p];
        totals[p] = segment_totals[p];
      } else if (seen(t, p, start) > 0) {
        join(width, &tops[p], &totals[p], s.sums + p * width, segment_tops[p], segment_totals[p],
             s.segment + p * width);
      }
    }
  }

  for (size_t p = 0; p < t->count; p++) {
    float *row = t->y + pair_offset(t, p);
    const lanes inverse = lanes_set(1 / totals[p]);
    for (size_t i = 0; i < t->head_dim; i += LANES) {
      lanes_store_some(row + i, lanes_mul(lanes_load(s.sums + p * width + i), inverse), smaller(t->head_dim - i, LANES));
    }
  }
}
