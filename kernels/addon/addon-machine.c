// Functions that measure the machine, and fit the kernels to it.
#include <string.h>
#include <stdlib.h>
#include "addon.h"
#include "../lanes/prefetch.h"
#include "../math/product.h"
#include "../path/path.h"
#include "../system/pool.h"

// In the order of enum hint.
static const char *const hint_names[HINTS] = {"none", "t0", "t1", "t2", "nta"};

enum { MOST_AHEAD = 65536 };

static napi_value prefetches_entry(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value value = NULL;
  napi_get_boolean(env, current_path()->prefetches, &value);
  return value;
}

static napi_value prefetch_entry(napi_env env, napi_callback_info info) {
  (void)info;
  pool_lock();
  const struct prefetch current = prefetch;
  pool_unlock();
  napi_value object, hint;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_create_string_utf8(env, hint_names[current.hint], NAPI_AUTO_LENGTH, &hint) != napi_ok ||
      napi_set_named_property(env, object, "hint", hint) != napi_ok ||
      !set_number(env, object, "aheadBytes", (double)current.ahead)) {
    return NULL;
  }
  return object;
}

static napi_value set_prefetch_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t ahead;
  char *name;
  if (!read_arguments(env, info, 2, arguments) ||
      !read_count(env, arguments[1], "aheadBytes", 0, MOST_AHEAD, &ahead) ||
      !read_text(env, arguments[0], "hint", &name)) {
    return NULL;
  }
  int hint = -1;
  for (int i = 0; i < HINTS; i++) {
    if (strcmp(name, hint_names[i]) == 0) hint = i;
  }
  if (hint < 0) fail_range(env, "hint is \"%s\"; it must be none, t0, t1, t2 or nta", name);
  free(name);
  if (hint < 0) return NULL;
  pool_lock();
  prefetch = (struct prefetch){(enum hint)hint, ahead};
  pool_unlock();
  return NULL;
}

static napi_value evict_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1], value = NULL;
  void *handle;
  if (!read_arguments(env, info, 1, arguments) || !read_handle(env, arguments[0], HANDLE_MATRIX, "matrix", &handle)) {
    return NULL;
  }
  const struct matrix *matrix = handle;
  napi_get_boolean(env, map_evict(matrix->data, row_blocks(matrix) * row_block_bytes(matrix)), &value);
  return value;
}

struct peaking {
  const struct path *path;
  size_t turns;
};

static void peak_turns(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct peaking *job = context;
  job->path->peak((to - from) * job->turns);
}

static napi_value peak_entry(napi_env env, napi_callback_info info) {
  enum { ITEMS = 1024 };
  napi_value arguments[1], value = NULL;
  size_t turns;
  if (!read_arguments(env, info, 1, arguments) || !read_count(env, arguments[0], "turns", 1, 1000000, &turns)) {
    return NULL;
  }
  pool_lock();
  struct peaking job = {current_path(), turns};
  const bool known = job.path->peak != NULL;
  if (known) pool_run(peak_turns, &job, ITEMS, 1, COST_EVEN);
  pool_unlock();
  napi_create_double(env, known ? ITEMS * job.path->peak(turns) : 0, &value);
  return value;
}

bool add_machine_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"prefetches", prefetches_entry}, {"prefetch", prefetch_entry}, {"setPrefetch", set_prefetch_entry},
      {"evict", evict_entry},           {"peak", peak_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
