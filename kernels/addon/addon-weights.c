// Functions that map files, make matrices and read their rows.
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "addon.h"
#include "../lanes/half.h"
#include "../path/path.h"
#include "../system/pool.h"
#include "../math/product.h"

static void release_map(void *map) { map_release(map); }

void release_matrix(void *data) {
  struct matrix *matrix = data;
  if (--matrix->uses > 0) return;
  if (matrix->map != NULL) map_release(matrix->map);
  free(matrix->owned);
  free(matrix);
}

static void fail_system(napi_env env, const char *what, const char *path, int reason) {
  char text[600], code[16];
  snprintf(text, sizeof text, "%s %s: %s", what, path, strerror(reason));
  snprintf(code, sizeof code, "%d", reason);
  napi_throw_error(env, code, text);
}

static napi_value map_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char *path;
  if (!read_arguments(env, info, 1, arguments) || !read_text(env, arguments[0], "path", &path)) return NULL;
  struct map *map = map_open(path);
  if (map == NULL) fail_system(env, "cannot map", path, errno);
  free(path);
  if (map == NULL) return NULL;
  const double bytes = (double)map->bytes;
  napi_value handle = wrap_handle(env, HANDLE_MAP, map, 0, release_map);
  if (handle != NULL) set_number(env, handle, "bytes", bytes);
  return handle;
}

// Reads the arguments map, offset, bytes: a range of at least one byte inside the file.
static bool read_range(napi_env env, napi_value *arguments, struct map **map, size_t *offset, size_t *bytes) {
  void *handle;
  if (!read_handle(env, arguments[0], HANDLE_MAP, "map", &handle)) return false;
  *map = handle;
  return read_count(env, arguments[1], "offset", 0, (*map)->bytes - 1, offset) &&
         read_count(env, arguments[2], "bytes", 1, (*map)->bytes - *offset, bytes);
}

static napi_value advise_entry(napi_env env, napi_callback_info info) {
  static const char *const names[] = {"willneed", "populate", "random", "normal", "huge"};
  napi_value arguments[4];
  struct map *map;
  size_t offset, bytes;
  char *name;
  if (!read_arguments(env, info, 4, arguments) || !read_range(env, arguments, &map, &offset, &bytes) ||
      !read_text(env, arguments[3], "advice", &name)) {
    return NULL;
  }
  int advice = -1;
  for (int i = 0; i < 5; i++) {
    if (strcmp(name, names[i]) == 0) advice = i;
  }
  if (advice < 0) fail_range(env, "advice is \"%s\"; it must be willneed, populate, random, normal or huge", name);
  else if (!map_advise(map, offset, bytes, (enum map_advice)advice)) fail_system(env, "cannot advise", name, errno);
  free(name);
  return NULL;
}

static napi_value resident_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[3], value = NULL;
  struct map *map;
  size_t offset, bytes;
  if (!read_arguments(env, info, 3, arguments) || !read_range(env, arguments, &map, &offset, &bytes)) return NULL;
  const size_t resident = map_resident(map, offset, bytes);
  if (resident == SIZE_MAX) fail_system(env, "cannot look at", "the map", errno);
  else napi_create_double(env, (double)resident, &value);
  return value;
}

// Reads the arguments rows, cols, bits.
static bool read_shape(napi_env env, napi_value *arguments, struct matrix *shape) {
  size_t bits;
  if (!read_count(env, arguments[0], "rows", 1, MOST_WIDTH, &shape->rows) ||
      !read_count(env, arguments[1], "cols", 1, MOST_WIDTH, &shape->cols) ||
      !read_count(env, arguments[2], "bits", 4, 8, &bits)) {
    return false;
  }
  shape->bits = (int)bits;
  return bits % 2 == 0 || fail_range(env, "bits is %zu; it must be 4, 6 or 8", bits);
}

static napi_value wrap_matrix(napi_env env, const struct matrix *shape) {
  struct matrix *matrix = malloc(sizeof *matrix);
  if (matrix == NULL) {
    if (shape->map != NULL) map_release(shape->map);
    free(shape->owned);
    fail_memory(env);
    return NULL;
  }
  *matrix = *shape;
  const size_t owned = shape->owned == NULL ? 0 : row_blocks(shape) * row_block_bytes(shape);
  napi_value handle = wrap_handle(env, HANDLE_MATRIX, matrix, owned, release_matrix);
  if (handle == NULL) return NULL;
  set_number(env, handle, "rows", (double)shape->rows);
  set_number(env, handle, "cols", (double)shape->cols);
  set_number(env, handle, "bits", shape->bits);
  return handle;
}

static napi_value matrix_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  void *handle;
  struct matrix shape = {.uses = 1};
  size_t offset;
  if (!read_arguments(env, info, 5, arguments) || !read_handle(env, arguments[0], HANDLE_MAP, "map", &handle)) {
    return NULL;
  }
  shape.map = handle;
  if (!read_count(env, arguments[1], "offset", 0, shape.map->bytes - 1, &offset) ||
      !read_shape(env, arguments + 2, &shape)) {
    return NULL;
  }
  const size_t bytes = row_blocks(&shape) * row_block_bytes(&shape);
  if (bytes > shape.map->bytes - offset) {
    fail_range(env, "rows x cols: a %d-bit matrix [%zu, %zu] at offset %zu takes %zu bytes, the file has %zu",
               shape.bits, shape.rows, shape.cols, offset, bytes, shape.map->bytes);
    return NULL;
  }
  shape.data = shape.map->data + offset;
  shape.map->uses++;
  return wrap_matrix(env, &shape);
}

static napi_value matrix_of_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct array bytes;
  struct matrix shape = {.uses = 1};
  if (!read_arguments(env, info, 4, arguments) ||
      !read_array(env, arguments[0], napi_uint8_array, "bytes", &bytes) || !read_shape(env, arguments + 1, &shape)) {
    return NULL;
  }
  const size_t needed = row_blocks(&shape) * row_block_bytes(&shape);
  if (bytes.length != needed) {
    fail_range(env, "bytes has %zu elements; a %d-bit matrix [%zu, %zu] takes %zu", bytes.length, shape.bits,
               shape.rows, shape.cols, needed);
    return NULL;
  }
  if (posix_memalign(&shape.owned, 64, needed) != 0) {
    fail_memory(env);
    return NULL;
  }
  memcpy(shape.owned, bytes.data, needed);
  shape.data = shape.owned;
  return wrap_matrix(env, &shape);
}

static void read_row(const struct matrix *m, size_t row, float *y) {
  const uint8_t *tile = m->data + row / TILE_ROWS * row_block_bytes(m);
  const size_t lane = row % TILE_ROWS, weights = tile_bytes(m->bits) - TILE_SCALES;
  for (size_t col = 0; col < m->cols; col++) {
    const size_t i = col % BLOCK;
    if (i == 0 && col > 0) tile += tile_bytes(m->bits);
    uint16_t half;
    memcpy(&half, tile + weights + 2 * lane, sizeof half);
    const int weight = unpack_weight(m->bits, tile, (int)lane, (int)i) - (1 << (m->bits - 1));
    y[col] = (float)weight * half_to_float(half);
  }
}

static napi_value read_rows_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  void *handle;
  struct array ids, y;
  if (!read_arguments(env, info, 3, arguments) || !read_handle(env, arguments[0], HANDLE_MATRIX, "matrix", &handle) ||
      !read_integers(env, arguments[1], "ids", &ids) || !read_floats(env, arguments[2], "y", &y) ||
      !check_length(env, &y, ids.length, ((struct matrix *)handle)->cols) || !check_apart(env, &y, &ids)) {
    return NULL;
  }
  const struct matrix *matrix = handle;
  const int32_t *id = ids.data;
  for (size_t i = 0; i < ids.length; i++) {
    if (id[i] >= 0 && (size_t)id[i] < matrix->rows) continue;
    fail_range(env, "ids[%zu] is %d; the matrix has %zu rows", i, id[i], matrix->rows);
    return NULL;
  }
  for (size_t i = 0; i < ids.length; i++) read_row(matrix, (size_t)id[i], (float *)y.data + i * matrix->cols);
  return NULL;
}

struct sweeping {
  const struct path *path;
  const uint8_t *data;
  size_t bytes;
  _Atomic uint64_t total;
};

enum { SWEPT_AT_ONCE = 65536 };

static void sweep_pieces(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  struct sweeping *job = context;
  const size_t start = from * SWEPT_AT_ONCE, end = smaller(to * SWEPT_AT_ONCE, job->bytes);
  job->total ^= job->path->sweep(job->data + start, end - start);
}

static napi_value sweep_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[3], value = NULL;
  struct map *map;
  size_t offset, bytes;
  if (!read_arguments(env, info, 3, arguments) || !read_range(env, arguments, &map, &offset, &bytes)) return NULL;
  pool_lock();
  struct sweeping job = {current_path(), map->data + offset, bytes, 0};
  pool_run(sweep_pieces, &job, (bytes + SWEPT_AT_ONCE - 1) / SWEPT_AT_ONCE, 1, COST_EVEN);
  pool_unlock();
  napi_create_bigint_uint64(env, job.total, &value);
  return value;
}

bool add_weight_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"map", map_entry},
      {"advise", advise_entry},
      {"resident", resident_entry},
      {"matrix", matrix_entry},
      {"matrixOf", matrix_of_entry},
      {"sweep", sweep_entry},
      {"readRows", read_rows_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
