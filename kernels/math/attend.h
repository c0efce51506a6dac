// Attention of a few (query, head) pairs that read one key head, written once in lanes.
//
// A pair at position p sees the positions up to p: with a window, the last `window` of them; with chunks, those in p's
// chunk of `chunk` positions; with both, those that both allow. A sink is a logit that only enlarges the sum by which the
// weighted values are divided.
//
// The order of every sum is fixed, so that a pair's bits depend on its query, its position and the cache alone. A score is
// a sum of products of query and key in order. Positions are processed in segments of SEGMENT. For each segment, the
// maximum, the exponentials, their sum (16 lanes, folded) and the sum of the weighted values (position after position) are
// computed. Then the segments are joined in order, from the first one that the pair sees, and last its sink. Pages that no
// pair sees are not read.
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

// The positions from … to - 1.
struct range {
  size_t from, to;
};

// The positions that pair p sees, at least one. Pairs are in order of their queries, so neither `from` nor `to` of a later
// pair is smaller.
static inline struct range seen_by(const struct tile_of_queries *t, size_t p) {
  const size_t to = t->start + (t->first + p) / t->group + 1;
  size_t from = 0;
  if (t->window > 0 && to > t->window) from = to - t->window;
  if (t->chunk > 0) from = larger(from, (to - 1) / t->chunk * t->chunk);
  return (struct range){from, to};
}

// The part of the range in the segment that starts at `start`, counted from there. If there is none, `to` is not above `from`.
static inline struct range in_segment(struct range r, size_t start) {
  return (struct range){r.from <= start ? 0 : r.from - start, r.to <= start ? 0 : smaller(r.to - start, SEGMENT)};
}

static inline size_t pages_seen(const struct tile_of_queries *t) {
  return (seen_by(t, t->count - 1).to + PAGE - 1) / PAGE;
}

static inline const uint16_t *page_at(const struct tile_of_queries *t, size_t page) {
  return t->pages + (size_t)t->table[page] * t->page_stride;
}

// Scores of `pairs` pairs (a constant when this is inlined) at the 32 positions of a page. Scores of positions that a pair
// does not see are garbage.
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

// Scores at pages from … to - 1 of the segment that begins with page `first_page`.
static void score_segment(const struct tile_of_queries *t, const float *q, size_t first_page, size_t from, size_t to,
                          float *scores) {
  for (size_t page = from; page < to; page++) {
    const uint16_t *keys = page_at(t, first_page + page);
    const uint16_t *next = page + 1 < to ? page_at(t, first_page + page + 1) : keys;
    for (size_t p = 0; p < t->count; p += SCORE_PAIRS) {
      float *out = scores + p * SEGMENT + page * PAGE;
      // Computing a few pairs too many costs less than a loop for every count.
      if (SCORE_PAIRS > 4 && t->count - p > 4) score_page(SCORE_PAIRS, q + p, keys, next, t->head_dim, out);
      else if (SCORE_PAIRS >= 4 && t->count - p > 2) score_page(4, q + p, keys, next, t->head_dim, out);
      else score_page(2, q + p, keys, next, t->head_dim, out);
    }
  }
}

// Turns the scores in the range into exponentials, padded with zeros to multiples of 16. Returns their maximum and sum.
static void soften(float *scores, struct range r, float *top, float *sum) {
  const size_t first = r.from / LANES * LANES, unseen = r.from - first;
  lanes most = lanes_set(-INFINITY);
  // Lanes before the range must not matter, even if they are NaN.
  if (unseen > 0) lanes_store(scores + first, lanes_first(unseen, most, lanes_load(scores + first)));
  for (size_t i = first; i < r.to; i += LANES) {
    most = lanes_max(lanes_first(smaller(r.to - i, LANES), lanes_load(scores + i), most), most);
  }
  *top = lanes_top(most);
  const lanes zero = lanes_set(0), shift = lanes_set(*top);
  lanes total = zero;
  size_t i = first;
  if (unseen > 0) {
    const lanes e = lanes_exp(lanes_sub(lanes_load(scores + i), shift));
    total = lanes_first(unseen, zero, lanes_first(smaller(r.to - i, LANES), e, zero));
    lanes_store(scores + i, total);
    i += LANES;
  }
  for (; i < r.to; i += LANES) {
    const lanes e = lanes_exp(lanes_sub(lanes_load(scores + i), shift));
    const lanes kept = lanes_first(smaller(r.to - i, LANES), e, zero);
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
  if (from >= to) return;
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

// `seen` has the part of this segment that each pair sees.
static void weigh_segment(const struct tile_of_queries *t, size_t segment_start, const struct range *seen,
                          const float *weights, float *sums) {
  const size_t width = value_width(t->head_dim), first_page = segment_start / PAGE;
  for (size_t p = 0; p < t->count; p += VALUE_PAIRS) {
    const size_t pairs = smaller(t->count - p, VALUE_PAIRS);
    // All pairs are summed together over the positions that all see, and each pair alone over its positions before and
    // after these, in order. So a position that a pair does not see is never added, not even with a weight of 0.
    struct range common = {seen[p + pairs - 1].from, seen[p].to};
    if (pairs < VALUE_PAIRS || common.from >= common.to) common = (struct range){SEGMENT, SEGMENT};
    for (size_t i = p; i < p + pairs; i++) {
      weigh_pairs(1, t, first_page, seen[i].from, smaller(common.from, seen[i].to), weights + i * SEGMENT,
                  sums + i * width);
    }
    weigh_pairs(VALUE_PAIRS, t, first_page, common.from, common.to, weights + p * SEGMENT, sums + p * width);
    for (size_t i = p; i < p + pairs; i++) {
      weigh_pairs(1, t, first_page, common.to, seen[i].to, weights + i * SEGMENT, sums + i * width);
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

// Computes one segment of all pairs, and joins it to what is in tops, totals and s->sums.
static void attend_segment(const struct tile_of_queries *t, const struct attend_scratch *s, const struct range *seen,
                           size_t start, float *tops, float *totals) {
  const size_t width = value_width(t->head_dim);
  const bool is_first = start <= seen[0].from;  // of every pair that sees a part of it
  struct range parts[PANEL_ROWS];
  for (size_t p = 0; p < t->count; p++) parts[p] = in_segment(seen[p], start);
  score_segment(t, s->q, start / PAGE, parts[0].from / PAGE, (parts[t->count - 1].to + PAGE - 1) / PAGE, s->scores);
  float *sums = is_first ? s->sums : s->segment;
  memset(sums, 0, t->count * width * sizeof(float));
  float segment_tops[PANEL_ROWS], segment_totals[PANEL_ROWS];
  for (size_t p = 0; p < t->count; p++) {
    if (parts[p].from < parts[p].to) soften(s->scores + p * SEGMENT, parts[p], &segment_tops[p], &segment_totals[p]);
  }
  weigh_segment(t, start, parts, s->scores, sums);
  for (size_t p = 0; p < t->count; p++) {
    if (parts[p].from >= parts[p].to) continue;
    if (start > seen[p].from) {
      join(width, &tops[p], &totals[p], s->sums + p * width, segment_tops[p], segment_totals[p], sums + p * width);
      continue;
    }
    tops[p] = segment_tops[p];
    totals[p] = segment_totals[p];
    if (!is_first) memcpy(s->sums + p * width, sums + p * width, width * sizeof(float));
  }
}

// The factor that turns the sum of a pair's weighted values into its output.
static float share(const struct tile_of_queries *t, size_t p, float top, float total) {
  if (t->sinks == NULL) return 1 / total;
  const float sink = t->sinks[(t->first + p) % t->group], most = sink > top ? sink : top;
  float before[LANES], now[LANES];
  lanes_store(before, lanes_exp(lanes_set(top - most)));
  lanes_store(now, lanes_exp(lanes_set(sink - most)));
  return before[0] / (total * before[0] + now[0]);
}

static void attend(const struct tile_of_queries *t, float *scratch) {
  const struct attend_scratch s = carve(scratch, t->head_dim);
  const size_t width = value_width(t->head_dim);
  pack_queries(t, s.q);

  float tops[PANEL_ROWS], totals[PANEL_ROWS];
  struct range seen[PANEL_ROWS];
  for (size_t p = 0; p < t->count; p++) seen[p] = seen_by(t, p);
  const size_t first = seen_by(t, 0).from / SEGMENT * SEGMENT, length = seen_by(t, t->count - 1).to;
  for (size_t start = first; start < length; start += SEGMENT) attend_segment(t, &s, seen, start, tops, totals);

  for (size_t p = 0; p < t->count; p++) {
    float *row = t->y + pair_offset(t, p);
    const lanes factor = lanes_set(share(t, p, tops[p], totals[p]));
    for (size_t i = 0; i < t->head_dim; i += LANES) {
      lanes_store_some(row + i, lanes_mul(lanes_load(s.sums + p * width + i), factor), smaller(t->head_dim - i, LANES));
    }
  }
}
