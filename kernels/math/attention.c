// The paged cache of keys and values, and attention over it. Work is split over rows, key heads and tiles of queries, but
// never over positions, so that no sum depends on the number of threads.
#include "attention.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../system/pool.h"

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

static size_t cache_bytes(const struct cache *c) { return c->pages * page_halves(c) * sizeof(uint16_t); }

struct cache *cache_create(size_t pages, size_t layers, size_t kv_heads, size_t head_dim) {
  struct cache *c = malloc(sizeof *c);
  if (c == NULL) return NULL;
  *c = (struct cache){NULL, pages, layers, kv_heads, head_dim, 1};
  c->data = mmap(NULL, cache_bytes(c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (c->data == MAP_FAILED) {
    free(c);
    return NULL;
  }
#if defined(MADV_HUGEPAGE)
  madvise(c->data, cache_bytes(c), MADV_HUGEPAGE);
#endif
  return c;
}

void cache_release(struct cache *c) {
  if (--c->uses > 0) return;
  munmap(c->data, cache_bytes(c));
  free(c);
}

void cache_read(const struct cache *c, size_t page, void *to) {
  memcpy(to, c->data + page * page_halves(c), page_halves(c) * sizeof(uint16_t));
}

void cache_write(struct cache *c, size_t page, const void *from) {
  memcpy(c->data + page * page_halves(c), from, page_halves(c) * sizeof(uint16_t));
}

// The part of page 0 that belongs to this layer and key head.
static uint16_t *head_pages(const struct cache *c, size_t layer, size_t head) {
  return c->data + layer * layer_halves(c) + head * page_head_halves(c->head_dim);
}

static const struct span *span_of_row(const struct spans *spans, size_t row) {
  size_t low = 0, high = spans->count;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (spans->list[middle].row <= row) low = middle;
    else high = middle;
  }
  return &spans->list[low];
}

struct storing {
  const struct path *path;
  const struct spans *spans;
  size_t layer;
  const struct rotation *r;
  uint8_t *scratch;      // [threads][scratch_bytes]
  size_t scratch_bytes;  // of one thread
};

static void apply_norm(const struct storing *job, float *row, size_t heads, const float *norm, bool whole) {
  if (norm == NULL) return;
  const size_t width = job->spans->cache->head_dim * (whole ? heads : 1), count = whole ? 1 : heads;
  for (size_t i = 0; i < count; i++, row += width) job->path->rmsnorm(row, norm, job->r->eps, width, row);
}

static void norm_and_rotate(const struct storing *job, float *row, size_t heads, const float *norm, bool whole,
                            size_t step_row) {
  const size_t dim = job->spans->cache->head_dim, half = job->r->rotary / 2;
  const struct rotation *r = job->r;
  if (!r->norm_last) apply_norm(job, row, heads, norm, whole);
  for (size_t h = 0; h < heads && half > 0; h++) {
    job->path->rotate(row + h * dim, r->cos + step_row * half, r->sin + step_row * half, half);
  }
  if (r->norm_last) apply_norm(job, row, heads, norm, whole);
}

static void store_rows(void *context, size_t from, size_t to, int thread) {
  const struct storing *job = context;
  const struct cache *c = job->spans->cache;
  const size_t dim = c->head_dim, width = value_width(dim), kv = c->kv_heads * dim;
  float *key = (float *)(job->scratch + (size_t)thread * job->scratch_bytes);
  uint16_t *halves = (uint16_t *)(key + kv);
  for (size_t row = from; row < to; row++) {
    const struct span *span = span_of_row(job->spans, row);
    const size_t position = span->start + row - span->row;
    const size_t page = (size_t)job->spans->table[span->first_page + position / PAGE], slot = position % PAGE;
    norm_and_rotate(job, job->r->q + row * job->r->heads * dim, job->r->heads, job->r->q_norm, job->r->whole_q, row);
    memcpy(key, job->r->k + row * kv, kv * sizeof(float));
    norm_and_rotate(job, key, c->kv_heads, job->r->k_norm, job->r->whole_k, row);
    for (size_t h = 0; h < c->kv_heads; h++) {
      uint16_t *to_page = head_pages(c, job->layer, h) + page * page_halves(c);
      job->path->halves(key + h * dim, dim, halves);
      for (size_t d = 0; d < dim; d++) to_page[d * PAGE + slot] = halves[d];
      job->path->halves(job->r->v + row * kv + h * dim, dim, to_page + PAGE * dim + slot * width);
    }
  }
}

bool rotate_and_store(const struct spans *spans, size_t layer, const struct rotation *rotation) {
  const struct cache *c = spans->cache;
  const size_t each =
      round_up(c->kv_heads * c->head_dim * sizeof(float) + value_width(c->head_dim) * sizeof(uint16_t), 64);
  uint8_t *scratch = pool_scratch(SCRATCH_THREADS, each * (size_t)pool_threads());
  if (scratch == NULL) return false;
  struct storing job = {current_path(), spans, layer, rotation, scratch, each};
  pool_run(store_rows, &job, spans->rows, 4, COST_EVEN);
  return true;
}

// One item of work is up to PANEL_ROWS (query, head) pairs of one span and one key head.
struct attending {
  const struct path *path;
  const struct spans *spans;
  size_t layer;
  const float *q;
  float *y;
  size_t heads;
  float scale;
  const struct masking *masking;
  size_t *first_items;  // [spans + 1] the first item of each span
  float *scratch;
  size_t scratch_floats;
};

// If a group of heads fits into a tile, the pairs of one query and this group are all in the same tile.
static size_t tile_pairs(size_t group) { return group >= PANEL_ROWS ? PANEL_ROWS : PANEL_ROWS / group * group; }
static size_t tiles_of(size_t count, size_t group) {
  return (count * group + tile_pairs(group) - 1) / tile_pairs(group);
}

static void attend_items(void *context, size_t from, size_t to, int thread) {
  const struct attending *job = context;
  const struct spans *spans = job->spans;
  const struct cache *c = spans->cache;
  const size_t group = job->heads / c->kv_heads, each = tile_pairs(group), stride = job->heads * c->head_dim;
  size_t s = 0;
  for (size_t item = from; item < to; item++) {
    while (item >= job->first_items[s + 1]) s++;
    const struct span *span = &spans->list[s];
    const size_t tiles = tiles_of(span->count, group);
    const size_t local = item - job->first_items[s], head = local / tiles;
    // Late queries see more positions. They come first, so that the last ranges are short.
    const size_t first = (tiles - 1 - local % tiles) * each;
    const size_t at = span->row * stride + head * group * c->head_dim;
    const struct tile_of_queries tile = {
        .pages = head_pages(c, job->layer, head), .page_stride = page_halves(c), .table = spans->table + span->first_page,
        .q = job->q + at, .y = job->y + at, .row_stride = stride, .head_dim = c->head_dim, .group = group,
        .first = first, .count = smaller(each, span->count * group - first), .start = span->start, .scale = job->scale,
        .window = job->masking->window, .chunk = job->masking->chunk,
        .sinks = job->masking->sinks == NULL ? NULL : job->masking->sinks + head * group,
    };
    job->path->attend(&tile, job->scratch + (size_t)thread * job->scratch_floats);
  }
}

bool attend_spans(const struct spans *spans, size_t layer, const float *q, size_t heads, float scale,
                  const struct masking *masking, float *y) {
  const struct cache *c = spans->cache;
  const struct path *path = current_path();
  const size_t floats = round_up(path->attend_floats(c->head_dim), LANES);
  float *scratch = pool_scratch(SCRATCH_THREADS, floats * (size_t)pool_threads() * sizeof(float));
  size_t *first_items = pool_scratch(SCRATCH_INNER, (spans->count + 1) * sizeof(size_t));
  if (scratch == NULL || first_items == NULL) return false;
  first_items[0] = 0;
  for (size_t s = 0; s < spans->count; s++) {
    first_items[s + 1] = first_items[s] + c->kv_heads * tiles_of(spans->list[s].count, heads / c->kv_heads);
  }
  struct attending job = {path, spans, layer, q, y, heads, scale, masking, first_items, scratch, floats};
  pool_run(attend_items, &job, first_items[spans->count], 1, COST_UNEVEN);
  return true;
}
