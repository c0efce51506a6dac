// The exclusive lock on a file. It is released when the file's descriptor is closed or the process ends.
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include "addon.h"

static napi_value lock_file_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1], value = NULL;
  size_t file;
  if (!read_arguments(env, info, 1, arguments) || !read_count(env, arguments[0], "file", 0, 1 << 20, &file)) return NULL;
  const bool locked = flock((int)file, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) {
    napi_throw_error(env, NULL, strerror(errno));
    return NULL;
  }
  napi_get_boolean(env, locked, &value);
  return value;
}

bool add_file_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {{"lockFile", lock_file_entry}};
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
