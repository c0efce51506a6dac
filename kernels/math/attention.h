// The paged cache of keys and values, and attention over it, split over the pool.
#pragma once
#include "../lanes/layout.h"
#include "../path/path.h"

struct cache {
  uint16_t *data;  // page after page; a page has layer after layer; layout.h describes a layer's part
  size_t pages, layers, kv_heads, head_dim;
  size_t uses;
};

struct span {
  size_t first_page, pages;  // entries of the step's table
  size_t start, count;       // positions
  size_t row;                // row of the step that has the first position
};

struct spans {
  struct cache *cache;
  int32_t *table;
  size_t count, rows;
  struct span list[];
};

static inline size_t layer_halves(const struct cache *c) { return c->kv_heads * page_head_halves(c->head_dim); }
static inline size_t page_halves(const struct cache *c) {
  return page_bytes_of(c->layers, c->kv_heads, c->head_dim) / sizeof(uint16_t);
}

// Returns NULL if there is no address space. The caller checks that sizes do not overflow. A page takes memory when it is
// first written.
struct cache *cache_create(size_t pages, size_t layers, size_t kv_heads, size_t head_dim);
void cache_release(struct cache *cache);
// Copy all layers of a page to and from memory of `page_halves` halves.
void cache_read(const struct cache *cache, size_t page, void *to);
void cache_write(struct cache *cache, size_t page, const void *from);

struct rotation {
  float *q;
  const float *k, *v, *cos, *sin;
  size_t heads;
  size_t rotary;  // the first values of a head, which are rotated; even; if 0, cos and sin are not read
  const float *q_norm, *k_norm;  // or NULL
  bool whole_q, whole_k;         // the norm is over the whole row, not over each head
  bool norm_last;                // the norm comes after the rotation, not before
  float eps;
};
// Each of them may be absent: window and chunk are then 0, and sinks is NULL. attend.h says what they mean.
struct masking {
  size_t window, chunk;
  const float *sinks;  // [heads]
};
// Call both under the pool's lock. They return false if there is no memory.
bool rotate_and_store(const struct spans *spans, size_t layer, const struct rotation *rotation);
bool attend_spans(const struct spans *spans, size_t layer, const float *q, size_t heads, float scale,
                  const struct masking *masking, float *y);
