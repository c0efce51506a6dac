// Functions of the key-value cache and attention.
#include <stdlib.h>
#include <string.h>
#include "addon.h"
#include "../math/attention.h"
#include "../system/pool.h"

enum { MOST_HEADS = 4096, MOST_HEAD_DIM = 1024, MOST_LAYERS = 4096 };
#define MOST_PAGES ((size_t)1 << 24)

static void release_cache(void *cache) { cache_release(cache); }

static void release_spans(void *data) {
  struct spans *spans = data;
  cache_release(spans->cache);
  free(spans->table);
  free(spans);
}

static napi_value cache_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  size_t pages, layers, kv_heads, head_dim;
  if (!read_arguments(env, info, 4, arguments) || !read_count(env, arguments[0], "pages", 1, MOST_PAGES, &pages) ||
      !read_count(env, arguments[1], "layers", 1, MOST_LAYERS, &layers) ||
      !read_count(env, arguments[2], "kvHeads", 1, MOST_HEADS, &kv_heads) ||
      !read_count(env, arguments[3], "headDim", 2, MOST_HEAD_DIM, &head_dim)) {
    return NULL;
  }
  if (head_dim % 2 != 0) {
    fail_range(env, "headDim is %zu; rotation needs an even one", head_dim);
    return NULL;
  }
  const struct cache shape = {NULL, pages, layers, kv_heads, head_dim, 0};
  // The largest allowed counts together (2^24 pages, 2^12 layers, 2^12 heads, 2^17 bytes a head) would overflow. So sizes
  // that no machine can map are refused.
  if ((double)page_halves(&shape) * (double)pages > 0x1p46) {
    fail_range(env, "pages: %zu of %zu bytes are more than can be mapped", pages, 2 * page_halves(&shape));
    return NULL;
  }
  struct cache *cache = cache_create(pages, layers, kv_heads, head_dim);
  if (cache == NULL) {
    fail_memory(env);
    return NULL;
  }
  const double page_bytes = (double)page_halves(cache) * sizeof(uint16_t);
  napi_value handle = wrap_handle(env, HANDLE_CACHE, cache, 0, release_cache);
  if (handle == NULL) return NULL;
  set_number(env, handle, "pages", (double)pages);
  set_number(env, handle, "pageBytes", page_bytes);
  return handle;
}

// Reads the arguments of `readPage` and `writePage`: a cache, one of its pages, and at least as many bytes as a page has.
static bool read_page(napi_env env, napi_callback_info info, struct cache **cache, size_t *page, struct array *bytes) {
  napi_value arguments[3];
  void *handle;
  if (!read_arguments(env, info, 3, arguments) || !read_handle(env, arguments[0], HANDLE_CACHE, "cache", &handle)) {
    return false;
  }
  *cache = handle;
  return read_count(env, arguments[1], "page", 0, (*cache)->pages - 1, page) &&
         read_array(env, arguments[2], napi_uint8_array, "bytes", bytes) &&
         check_length(env, bytes, page_halves(*cache), sizeof(uint16_t));
}

static napi_value read_page_entry(napi_env env, napi_callback_info info) {
  struct cache *cache;
  size_t page;
  struct array bytes;
  if (read_page(env, info, &cache, &page, &bytes)) cache_read(cache, page, bytes.data);
  return NULL;
}

static napi_value write_page_entry(napi_env env, napi_callback_info info) {
  struct cache *cache;
  size_t page;
  struct array bytes;
  if (read_page(env, info, &cache, &page, &bytes)) cache_write(cache, page, bytes.data);
  return NULL;
}

// Reads one span from four numbers. The caller has checked that there are four.
static bool read_span(napi_env env, const struct cache *cache, const struct array *pages, const int32_t *table,
                      const int32_t *numbers, size_t index, struct span *span) {
  for (int i = 0; i < 4; i++) {
    if (numbers[i] < 0) return fail_range(env, "spans: number %d of span %zu is negative", i, index);
  }
  *span = (struct span){(size_t)numbers[0], (size_t)numbers[1], (size_t)numbers[2], (size_t)numbers[3], 0};
  if (span->first_page + span->pages > pages->length) {
    return fail_range(env, "spans: span %zu names entries %zu to %zu of pages, which has %zu", index, span->first_page,
                      span->first_page + span->pages, pages->length);
  }
  if (span->count < 1) return fail_range(env, "spans: span %zu has no rows", index);
  if (span->start + span->count > span->pages * PAGE) {
    return fail_range(env, "spans: span %zu ends at position %zu, its %zu pages hold %zu", index,
                      span->start + span->count, span->pages, span->pages * PAGE);
  }
  for (size_t i = span->first_page; i < span->first_page + span->pages; i++) {
    if (table[i] >= 0 && (size_t)table[i] < cache->pages) continue;
    return fail_range(env, "pages[%zu] is %d; the cache has %zu pages", i, table[i], cache->pages);
  }
  return true;
}

static napi_value spans_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  void *handle;
  struct array pages, numbers;
  if (!read_arguments(env, info, 3, arguments) || !read_handle(env, arguments[0], HANDLE_CACHE, "cache", &handle) ||
      !read_integers(env, arguments[1], "pages", &pages) || !read_integers(env, arguments[2], "spans", &numbers)) {
    return NULL;
  }
  const size_t count = numbers.length / 4;
  if (count < 1 || numbers.length % 4 != 0) {
    fail_range(env, "spans has %zu elements; four for each span are needed", numbers.length);
    return NULL;
  }
  struct cache *cache = handle;
  struct spans *spans = malloc(sizeof *spans + count * sizeof(struct span));
  // The arrays are copied, so that checked values cannot change while the threads use them.
  int32_t *table = malloc((pages.length + 1) * sizeof(int32_t));
  int32_t *copy = malloc(numbers.bytes);
  if (spans == NULL || table == NULL || copy == NULL) {
    free(spans), free(table), free(copy);
    fail_memory(env);
    return NULL;
  }
  if (pages.bytes > 0) memcpy(table, pages.data, pages.bytes);
  memcpy(copy, numbers.data, numbers.bytes);
  *spans = (struct spans){.cache = cache, .table = table, .count = count};
  bool valid = true;
  for (size_t i = 0; i < count && valid; i++) {
    valid = read_span(env, cache, &pages, table, copy + 4 * i, i, &spans->list[i]);
    spans->list[i].row = spans->rows;
    spans->rows += spans->list[i].count;
  }
  if (valid && spans->rows > MOST_ROWS) valid = fail_range(env, "spans: %zu rows are too many", spans->rows);
  free(copy);
  if (!valid) {
    free(spans), free(table);
    return NULL;
  }
  cache->uses++;
  const double rows = (double)spans->rows;
  napi_value object = wrap_handle(env, HANDLE_SPANS, spans, 0, release_spans);
  if (object != NULL) set_number(env, object, "rows", rows);
  return object;
}

// Reads the first two arguments of `rotate` and `attention`: spans, layer.
static bool read_step(napi_env env, napi_value *arguments, struct spans **spans, size_t *layer) {
  void *handle;
  if (!read_handle(env, arguments[0], HANDLE_SPANS, "spans", &handle)) return false;
  *spans = handle;
  return read_count(env, arguments[1], "layer", 0, (*spans)->cache->layers - 1, layer);
}

static bool read_heads(napi_env env, napi_value value, const struct cache *cache, size_t *heads) {
  if (!read_count(env, value, "heads", 1, MOST_HEADS, heads)) return false;
  return *heads % cache->kv_heads == 0 ||
         fail_range(env, "heads is %zu, no multiple of the cache's %zu key heads", *heads, cache->kv_heads);
}

// A norm with `head_dim` weights is over each head, a norm with `heads * head_dim` weights over the whole row.
static bool check_norm(napi_env env, const struct array *norm, size_t heads, size_t head_dim, bool *whole) {
  *whole = norm->length == heads * head_dim && heads > 1;
  return norm->data == NULL || *whole || norm->length == head_dim ||
         fail_range(env, "%s has %zu elements; %zu (a head) or %zu (the row) are needed", norm->name, norm->length,
                    head_dim, heads * head_dim);
}

static napi_value rotate_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[13];
  struct spans *spans;
  struct array q, k, v, cos, sin, q_norm, k_norm;
  struct rotation r = {0};
  size_t layer;
  double eps;
  if (!read_arguments(env, info, 13, arguments) || !read_step(env, arguments, &spans, &layer) ||
      !read_floats(env, arguments[2], "q", &q) || !read_floats(env, arguments[3], "k", &k) ||
      !read_floats(env, arguments[4], "v", &v) || !read_floats(env, arguments[5], "cos", &cos) ||
      !read_floats(env, arguments[6], "sin", &sin) || !read_heads(env, arguments[7], spans->cache, &r.heads) ||
      !read_optional_floats(env, arguments[8], "qNorm", &q_norm) ||
      !read_optional_floats(env, arguments[9], "kNorm", &k_norm) || !read_number(env, arguments[10], "eps", &eps)) {
    return NULL;
  }
  const size_t rows = spans->rows, dim = spans->cache->head_dim, kv = spans->cache->kv_heads;
  r.rotary = dim;
  if (!read_optional_count(env, arguments[11], "rotary", 0, dim, &r.rotary) ||
      !read_optional_flag(env, arguments[12], "normLast", &r.norm_last)) {
    return NULL;
  }
  if (r.rotary % 2 != 0) {
    fail_range(env, "rotary is %zu; it must be even", r.rotary);
    return NULL;
  }
  if (!(eps >= 0)) {
    fail_range(env, "eps is %g; it must not be negative", eps);
    return NULL;
  }
  if (!check_length(env, &q, rows, r.heads * dim) || !check_length(env, &k, rows, kv * dim) ||
      !check_length(env, &v, rows, kv * dim) || !check_length(env, &cos, rows, r.rotary / 2) ||
      !check_length(env, &sin, rows, r.rotary / 2) || !check_norm(env, &q_norm, r.heads, dim, &r.whole_q) ||
      !check_norm(env, &k_norm, kv, dim, &r.whole_k)) {
    return NULL;
  }
  const struct array *const inputs[] = {&k, &v, &cos, &sin, &q_norm, &k_norm};
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    if (!check_apart(env, &q, inputs[i])) return NULL;
  }
  r.q = q.data;
  r.k = k.data;
  r.v = v.data;
  r.cos = cos.data;
  r.sin = sin.data;
  r.q_norm = q_norm.data;
  r.k_norm = k_norm.data;
  r.eps = (float)eps;
  pool_lock();
  const bool done = rotate_and_store(spans, layer, &r);
  pool_unlock();
  if (!done) fail_memory(env);
  return NULL;
}

// Reads the properties window, chunk and sinks. They were read from the options before any typed array.
static bool read_masking(napi_env env, const napi_value *values, size_t heads, const struct array *y,
                         struct masking *out) {
  struct array sinks;
  *out = (struct masking){0};
  if (!read_optional_count(env, values[0], "options.window", 0, MOST_WIDTH, &out->window) ||
      !read_optional_count(env, values[1], "options.chunk", 0, MOST_WIDTH, &out->chunk) ||
      !read_optional_floats(env, values[2], "options.sinks", &sinks)) {
    return false;
  }
  out->sinks = sinks.data;
  return is_undefined(env, values[2]) || (check_length(env, &sinks, heads, 1) && check_apart(env, y, &sinks));
}

static napi_value attention_entry(napi_env env, napi_callback_info info) {
  static const char *const keys[] = {"window", "chunk", "sinks"};
  napi_value arguments[7], options[3];
  struct spans *spans;
  struct array q, y;
  struct masking masking;
  size_t layer, heads;
  double scale;
  if (!read_arguments(env, info, 7, arguments) || !read_properties(env, arguments[6], "options", keys, 3, options) ||
      !read_step(env, arguments, &spans, &layer) ||
      !read_floats(env, arguments[2], "q", &q) || !read_heads(env, arguments[3], spans->cache, &heads) ||
      !read_number(env, arguments[4], "scale", &scale) || !read_floats(env, arguments[5], "y", &y)) {
    return NULL;
  }
  const size_t width = heads * spans->cache->head_dim;
  if (!check_length(env, &q, spans->rows, width) || !check_length(env, &y, spans->rows, width) ||
      !check_apart(env, &y, &q) || !read_masking(env, options, heads, &y, &masking)) {
    return NULL;
  }
  pool_lock();
  const bool done = attend_spans(spans, layer, q.data, heads, (float)scale, &masking, y.data);
  pool_unlock();
  if (!done) fail_memory(env);
  return NULL;
}

bool add_attention_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"cache", cache_entry}, {"readPage", read_page_entry}, {"writePage", write_page_entry},
      {"spans", spans_entry}, {"rotate", rotate_entry},      {"attention", attention_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
