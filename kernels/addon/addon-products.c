// Functions that multiply by quantised matrices, and that bring them into the caches.
//
// Reading an element of a JavaScript array may run JavaScript (a getter), and that code may detach a buffer. So lists are
// read before typed arrays, and no JavaScript runs after the first typed array was read.
#include "addon.h"
#include "../system/pool.h"
#include "../system/warm.h"
#include "../math/product.h"

enum { MOST_MATRICES = 64 };

// Reads the elements of biases, which is undefined or has one element for each matrix. Each may be undefined.
static bool read_bias_values(napi_env env, napi_value list, size_t count, napi_value *out) {
  size_t length;
  if (is_undefined(env, list)) {
    for (size_t i = 0; i < count; i++) out[i] = list;
    return true;
  }
  if (!read_list(env, list, "biases", MOST_MATRICES, &length)) return false;
  if (length != count) return fail_range(env, "biases has %zu elements, matrices has %zu", length, count);
  return read_elements(env, list, "biases", count, out);
}

// Reads the biases and checks them against the matrices and the outputs, which have been read.
static bool read_biases(napi_env env, const napi_value *values, size_t count, const struct matrix *const *matrices,
                        const struct array *y, const float **out) {
  for (size_t i = 0; i < count; i++) {
    struct array bias;
    if (!read_optional_floats(env, values[i], "every element of biases", &bias)) return false;
    out[i] = bias.data;
    // An empty array has no data either, and must not pass for an absent bias.
    if (!is_undefined(env, values[i]) && !check_length(env, &bias, matrices[i]->rows, 1)) return false;
    for (size_t j = 0; j < count; j++) {
      if (!check_apart(env, &y[j], &bias)) return false;
    }
  }
  return true;
}

static napi_value product_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5], matrix_values[MOST_MATRICES], y_values[MOST_MATRICES], bias_values[MOST_MATRICES];
  const struct matrix *matrices[MOST_MATRICES];
  const float *biases[MOST_MATRICES];
  struct array x, y[MOST_MATRICES];
  float *outputs[MOST_MATRICES];
  size_t n, count, outputs_count;
  if (!read_arguments(env, info, 5, arguments) ||
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
      !read_bias_values(env, arguments[4], count, bias_values) ||
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
  if (!check_length(env, &x, n, matrices[0]->cols) || !read_biases(env, bias_values, count, matrices, y, biases)) {
    return NULL;
  }
  pool_lock();
  const bool done = product(x.data, n, matrices, biases, outputs, count);
  pool_unlock();
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
      {"product", product_entry}, {"warm", warm_entry}};
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
