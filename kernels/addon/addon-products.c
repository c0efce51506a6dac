// Functions that multiply by quantised matrices.
//
// Reading an element of a JavaScript array may run JavaScript (a getter), and that code may detach a buffer. So lists are
// read before typed arrays, and no JavaScript runs after the first typed array was read.
#include <stdlib.h>
#include "addon.h"
#include "../system/pool.h"
#include "../system/warm.h"
#include "../math/product.h"

enum { MOST_MATRICES = 64, MOST_GROUPS = 4096 };

static bool read_elements(napi_env env, napi_value list, const char *name, size_t count, napi_value *out) {
  for (size_t i = 0; i < count; i++) {
    if (napi_get_element(env, list, (uint32_t)i, &out[i]) != napi_ok) return fail_type(env, name, "a readable array");
  }
  return true;
}

static napi_value product_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[4], matrix_values[MOST_MATRICES], y_values[MOST_MATRICES];
  const struct matrix *matrices[MOST_MATRICES];
  struct array x, y[MOST_MATRICES];
  float *outputs[MOST_MATRICES];
  size_t n, count, outputs_count;
  if (!read_arguments(env, info, 4, arguments) ||
      !read_list(env, arguments[2], "matrices", MOST_MATRICES, &count) ||
      !read_list(env, arguments[3], "y", MOST_MATRICES, &outputs_count) ||
      !read_elements(env, arguments[2], "matrices", count, matrix_values)) {
    return NULL;
  }
  if (outputs_count != count) {
    fail_range(env, "y has %zu elements, matrices has %zu", outputs_count, count);
    return NULL;
  }
  if (!read_elements(env, arguments[3], "y", count, y_values) ||
      !read_count(env, arguments[1], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "x", &x)) {
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    void *handle;
    if (!read_handle(env, matrix_values[i], HANDLE_MATRIX, "every element of matrices", &handle) ||
        !read_floats(env, y_values[i], "every element of y", &y[i])) {
      return NULL;
    }
    matrices[i] = handle;
    outputs[i] = y[i].data;
    if (matrices[i]->cols != matrices[0]->cols) {
      fail_range(env, "matrices[%zu] has %zu cols, the first %zu", i, matrices[i]->cols, matrices[0]->cols);
      return NULL;
    }
    if (!check_length(env, &y[i], n, matrices[i]->rows) || !check_apart(env, &y[i], &x)) return NULL;
    for (size_t j = 0; j < i; j++) {
      if (!check_apart(env, &y[i], &y[j])) return NULL;
    }
  }
  if (!check_length(env, &x, n, matrices[0]->cols)) return NULL;
  pool_lock();
  const bool done = product(x.data, n, matrices, outputs, count);
  pool_unlock();
  if (!done) fail_memory(env);
  return NULL;
}

// Copies and checks `places [rows, 2]`, each a row of x and a row of y.
static bool copy_places(napi_env env, const struct array *places, size_t rows, size_t x_rows, size_t y_rows,
                        struct place **out) {
  struct place *copy = malloc(rows * sizeof *copy);
  if (copy == NULL) return fail_memory(env);
  const volatile int32_t *from = places->data;
  for (size_t i = 0; i < rows; i++) {
    copy[i] = (struct place){from[2 * i], from[2 * i + 1]};
    const bool inside = copy[i].from >= 0 && (size_t)copy[i].from < x_rows && copy[i].to >= 0 && (size_t)copy[i].to < y_rows;
    if (inside) continue;
    fail_range(env, "places[%zu] is row %d of x and %d of y, which have %zu and %zu", i, copy[i].from, copy[i].to, x_rows,
               y_rows);
    free(copy);
    return false;
  }
  *out = copy;
  return true;
}

static napi_value experts_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5], values[MOST_GROUPS];
  const struct expert *list[MOST_GROUPS];
  struct array x, counts, y, places;
  size_t groups, rows = 0;
  if (!read_arguments(env, info, 5, arguments) || !read_list(env, arguments[1], "experts", MOST_GROUPS, &groups) ||
      !read_elements(env, arguments[1], "experts", groups, values) || !read_floats(env, arguments[0], "x", &x) ||
      !read_integers(env, arguments[2], "counts", &counts) || !read_floats(env, arguments[3], "y", &y) ||
      !read_optional_integers(env, arguments[4], "places", &places) || !check_length(env, &counts, groups, 1)) {
    return NULL;
  }
  // The counts are copied, because memory that is shared with another thread may change after the check.
  int32_t rows_of[MOST_GROUPS];
  for (size_t i = 0; i < groups; i++) {
    void *handle;
    if (!read_handle(env, values[i], HANDLE_EXPERT, "every element of experts", &handle)) return NULL;
    list[i] = handle;
    const struct matrix *gate = list[i]->gate, *first = list[0]->gate;
    if (gate->rows != first->rows || gate->cols != first->cols) {
      fail_range(env, "experts[%zu] is %zu x %zu inside, the first %zu x %zu", i, gate->rows, gate->cols, first->rows,
                 first->cols);
      return NULL;
    }
    rows_of[i] = ((volatile const int32_t *)counts.data)[i];
    if (rows_of[i] < 1 || (size_t)rows_of[i] > MOST_ROWS) {
      fail_range(env, "counts[%zu] is %d; it must be a whole number from 1 to %zu", i, rows_of[i], MOST_ROWS);
      return NULL;
    }
    rows += (size_t)rows_of[i];
  }
  const size_t hidden = list[0]->gate->cols;
  if (!check_apart(env, &y, &x)) return NULL;
  struct place *checked = NULL;
  if (places.data == NULL) {
    if (!check_length(env, &x, rows, hidden) || !check_length(env, &y, rows, hidden)) return NULL;
  } else if (!check_length(env, &places, rows, 2) ||
             !copy_places(env, &places, rows, x.length / hidden, y.length / hidden, &checked)) {
    return NULL;
  }
  pool_lock();
  const bool done = experts(x.data, list, rows_of, groups, checked, y.data);
  pool_unlock();
  free(checked);
  if (!done) fail_memory(env);
  return NULL;
}

static napi_value warm_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2], values[MOST_RANGES];
  struct memory_range ranges[MOST_RANGES];
  struct array floats;
  size_t count;
  if (!read_arguments(env, info, 2, arguments) ||
      !read_list(env, arguments[0], "matrices", MOST_RANGES - 1, &count) ||
      !read_elements(env, arguments[0], "matrices", count, values)) {
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    void *handle;
    if (!read_handle(env, values[i], HANDLE_MATRIX, "every element of matrices", &handle)) return NULL;
    const struct matrix *matrix = handle;
    ranges[i] = (struct memory_range){matrix->data, row_blocks(matrix) * row_block_bytes(matrix)};
  }
  if (!read_optional_floats(env, arguments[1], "floats", &floats)) return NULL;
  if (floats.data != NULL) ranges[count++] = (struct memory_range){floats.data, floats.bytes};
  pool_lock();
  warm_ranges(ranges, count);
  pool_unlock();
  return NULL;
}

bool add_product_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"product", product_entry}, {"experts", experts_entry}, {"warm", warm_entry}};
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
