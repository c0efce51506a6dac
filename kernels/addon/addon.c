// The addon's entry point: functions that choose the instruction set and the threads, and the registration of all groups of
// functions. kernels.ts documents every function.
#include "addon.h"
#include <stdlib.h>
#include "../path/path.h"
#include "../system/pool.h"

static napi_value text_value(napi_env env, const char *text) {
  napi_value value = NULL;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

static napi_value paths_entry(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value list;
  if (napi_create_array(env, &list) != napi_ok) return NULL;
  for (uint32_t i = 0, found = 0; all_paths[i] != NULL; i++) {
    if (!all_paths[i]->available()) continue;
    if (napi_set_element(env, list, found++, text_value(env, all_paths[i]->name)) != napi_ok) return NULL;
  }
  return list;
}

static napi_value path_entry(napi_env env, napi_callback_info info) {
  (void)info;
  return text_value(env, current_path()->name);
}

static napi_value set_path_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char *name;
  if (!read_arguments(env, info, 1, arguments) || !read_text(env, arguments[0], "name", &name)) return NULL;
  pool_lock();
  const bool chosen = choose_path(name);
  pool_unlock();
  if (!chosen) fail_range(env, "name is \"%s\"; paths() lists what this CPU runs", name);
  free(name);
  return NULL;
}

static napi_value threads_entry(napi_env env, napi_callback_info info) {
  (void)info;
  pool_lock();
  const int threads = pool_threads();
  pool_unlock();
  napi_value value = NULL;
  napi_create_int32(env, threads, &value);
  return value;
}

static napi_value set_threads_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count, spin = 500;
  napi_valuetype type;
  if (!read_arguments(env, info, 2, arguments) || !read_count(env, arguments[0], "count", 1, MOST_THREADS, &count) ||
      napi_typeof(env, arguments[1], &type) != napi_ok) {
    return NULL;
  }
  if (type != napi_undefined && !read_count(env, arguments[1], "spinMicroseconds", 0, 1000000, &spin)) return NULL;
  pool_lock();
  pool_resize((int)count, (int)spin);
  pool_unlock();
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct entry entries[] = {
      {"paths", paths_entry},     {"path", path_entry},
      {"setPath", set_path_entry}, {"threads", threads_entry},
      {"setThreads", set_threads_entry},
  };
  if (add_entries(env, exports, entries, sizeof entries / sizeof *entries) && add_machine_entries(env, exports) &&
      add_file_entries(env, exports) && add_weight_entries(env, exports) &&
      add_product_entries(env, exports) && add_expert_entries(env, exports) && add_row_entries(env, exports) &&
      add_attention_entries(env, exports) && add_logit_entries(env, exports) && add_wire_entries(env, exports) &&
      add_serving_entries(env, exports)) {
    return exports;
  }
  return NULL;
}
