// Draws an id from a row of logits as gateway/engine/sampling/sampler.ts defines it. Weights are e^((x - max) /
// temperature). First, weights below min_p are dropped. Of the rest, the top_k largest are kept. Of those, the largest are
// kept until their sum reaches the share top_p of the total (of equal weights, the lower id comes first). The result is the
// id at which the kept weights, summed in order of ids, pass the share u of their sum.
//
// Only a few weights near each cut are sorted. A cut is found by narrowing a range of weights; each step takes one pass over
// the row. Pieces of the row are summed in float32, and their sums are added in double in order. So the bits are the same on
// every path and with any number of threads.
#include "draw.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../path/path.h"
#include "../system/pool.h"

enum { PIECE = 1024, FEW = 64 };

struct drawing {
  const struct path *path;
  const float *logits;
  size_t width, pieces;
  float top, inverse_temperature, min_p;
  float least;     // smallest weight that counts in the current pass
  float *weights;  // [width]
  float *sums;     // [pieces]
  size_t *counts;  // [pieces]
};

struct range {
  size_t count;
  double sum;
};

static size_t piece_length(const struct drawing *job, size_t piece) {
  return smaller(job->width - piece * PIECE, PIECE);
}

static void weigh_pieces(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct drawing *job = context;
  for (size_t piece = from; piece < to; piece++) {
    const size_t at = piece * PIECE;
    job->sums[piece] = job->path->weigh_piece(job->logits + at, piece_length(job, piece), job->top, job->inverse_temperature,
                                        job->min_p, job->weights + at);
  }
}

static void measure_pieces(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct drawing *job = context;
  for (size_t piece = from; piece < to; piece++) {
    job->sums[piece] = job->path->measure_piece(job->weights + piece * PIECE, piece_length(job, piece), job->least,
                                       job->counts + piece);
  }
}

static void cut_pieces(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct drawing *job = context;
  for (size_t piece = from; piece < to; piece++) {
    job->sums[piece] = job->path->cut_piece(job->weights + piece * PIECE, piece_length(job, piece), job->least);
  }
}

static double sum_pieces(const struct drawing *job) {
  double sum = 0;
  for (size_t piece = 0; piece < job->pieces; piece++) sum += job->sums[piece];
  return sum;
}

// Number and sum of the weights that are `least` or more.
static struct range measure(struct drawing *job, float least) {
  job->least = least;
  pool_run(measure_pieces, job, job->pieces, 16, COST_EVEN);
  struct range found = {0, sum_pieces(job)};
  for (size_t piece = 0; piece < job->pieces; piece++) found.count += job->counts[piece];
  return found;
}

// Positive floats have the same order as their bits.
static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct weighed {
  float weight;
  size_t id;
};

static int likelier_first(const void *a, const void *b) {
  const struct weighed *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return x->id < y->id ? -1 : 1;
}

// Keeps the weights from `high` up and drops those below `low`. Of the weights between, keeps the largest that are still
// needed.
static void keep_some(struct drawing *job, uint32_t low, uint32_t high, struct range above, size_t count, double sum) {
  const float sure = from_bits(high), possible = from_bits(low);
  size_t room = count - above.count, few = 0;
  double reached = above.sum;
  struct weighed near[FEW];
  // If `high` is the float after `low`, all weights between have the value of `low`, and there may be many of them.
  const bool equals = high - low == 1;
  job->least = possible;
  pool_run(cut_pieces, job, job->pieces, 16, COST_EVEN);
  for (size_t piece = 0; piece < job->pieces; piece++) {
    size_t from_low, from_high;
    const size_t at = piece * PIECE, length = piece_length(job, piece);
    job->path->measure_piece(job->weights + at, length, possible, &from_low);
    job->path->measure_piece(job->weights + at, length, sure, &from_high);
    if (from_low == from_high) continue;
    for (size_t id = at; id < at + length; id++) {
      const float weight = job->weights[id];
      if (weight == 0 || weight >= sure) continue;
      if (!equals) {
        near[few++] = (struct weighed){weight, id};
      } else if (room > 0 && reached < sum) {
        room--;
        reached += weight;
      } else {
        job->weights[id] = 0;
      }
    }
  }
  if (equals) return;
  qsort(near, few, sizeof *near, likelier_first);
  for (size_t i = 0; i < few; i++) {
    if (room > 0 && reached < sum) {
      room--;
      reached += near[i].weight;
    } else {
      job->weights[near[i].id] = 0;
    }
  }
}

// The place between `low` and `high` at which the sum (or count) reaches `wanted` if it falls evenly from `at_low` to
// `at_high`. In every third pass it is the middle, so that the range at least halves.
static uint32_t between(uint32_t low, uint32_t high, double at_low, double at_high, double wanted, int pass) {
  const double share = pass % 3 == 2 || at_low <= at_high ? 0.5 : (at_low - wanted) / (at_low - at_high);
  const uint32_t offset = (uint32_t)((high - low) * (share < 0 ? 0 : share));
  return low + (offset < 1 ? 1 : offset > high - low - 1 ? high - low - 1 : offset);
}

// Sets all weights except the largest to 0. Keeps `count` weights, or as many as reach `sum`, whichever is fewer. Changes
// `job->sums`.
static void keep_largest(struct drawing *job, size_t count, double sum) {
  // Weights are in (0, 1]. The weights from `low` up are enough, those from `high` up are not.
  uint32_t low = 1, high = 0x3f800001;
  struct range at_low = measure(job, from_bits(low)), at_high = {0, 0};
  if (at_low.count <= count && at_low.sum < sum) return;
  const uint32_t likely = 0x33800000;  // 2^-24: smaller weights are seldom kept
  const struct range most = measure(job, from_bits(likely));
  if (most.count >= count || most.sum >= sum) {
    low = likely;
    at_low = most;
  }
  const bool by_count = isinf(sum);
  for (int pass = 0; high - low > 1 && at_low.count - at_high.count > FEW; pass++) {
    const uint32_t middle = by_count ? between(low, high, (double)at_low.count, (double)at_high.count, (double)count, pass)
                                     : between(low, high, at_low.sum, at_high.sum, sum, pass);
    const struct range found = measure(job, from_bits(middle));
    if (found.count >= count || found.sum >= sum) {
      low = middle;
      at_low = found;
    } else {
      high = middle;
      at_high = found;
    }
  }
  keep_some(job, low, high, at_high, count, sum);
}

int64_t draw(const float *logits, size_t width, const struct draw_settings *settings) {
  const struct path *path = current_path();
  const float top = logits[path->argmax(logits, width)];
  if (!isfinite(top)) return -1;
  const size_t pieces = (width + PIECE - 1) / PIECE;
  float *weights = pool_scratch(SCRATCH_INPUT, width * sizeof(float));
  float *sums = pool_scratch(SCRATCH_INNER, pieces * sizeof(float));
  size_t *counts = pool_scratch(SCRATCH_THREADS, pieces * sizeof(size_t));
  if (weights == NULL || sums == NULL || counts == NULL) return -2;
  struct drawing job = {.path = path, .logits = logits, .width = width, .pieces = pieces, .top = top,
                        .inverse_temperature = 1 / settings->temperature, .min_p = settings->min_p,
                        .weights = weights, .sums = sums, .counts = counts};
  pool_run(weigh_pieces, &job, pieces, 16, COST_EVEN);
  double total = sum_pieces(&job);
  if (settings->top_k > 0 && settings->top_k < width) {
    keep_largest(&job, settings->top_k, INFINITY);
    total = measure(&job, from_bits(1)).sum;
  }
  if (settings->top_p < 1) {
    keep_largest(&job, width, settings->top_p * total);
    total = measure(&job, from_bits(1)).sum;
  }
  const double target = settings->u * total;
  double sum = 0;
  size_t piece = 0;
  while (piece + 1 < pieces && sum + sums[piece] <= target) sum += sums[piece++];
  int64_t last = -1;
  for (size_t id = piece * PIECE; id < width; id++) {
    if (weights[id] == 0) continue;
    sum += weights[id];
    last = (int64_t)id;
    if (sum > target) return last;
  }
  if (last >= 0) return last;
  // If rounding has put the target slightly above the sum, the last kept id is drawn.
  for (size_t id = width; id-- > 0;) {
    if (weights[id] > 0) return (int64_t)id;
  }
  return -1;
}
