// Functions of experts: their handles, with biases and activation, and their answers.
//
// As in addon-products.c, lists and objects are read before typed arrays.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "addon.h"
#include "../system/pool.h"
#include "../math/product.h"

enum { MOST_GROUPS = 4096 };

static void release_expert(void *data) {
  struct expert *expert = data;
  release_matrix(expert->gate);
  release_matrix(expert->up);
  release_matrix(expert->down);
  free(expert->owned);
  free(expert);
}

// Reads form.clamp from its properties alpha and limit.
static bool read_clamp(napi_env env, const napi_value *values, struct expert *expert) {
  double alpha, limit;
  if (!read_number(env, values[0], "form.clamp.alpha", &alpha) ||
      !read_number(env, values[1], "form.clamp.limit", &limit)) {
    return false;
  }
  if (!isfinite((float)alpha)) return fail_range(env, "form.clamp.alpha is %g; it must be a finite float32", alpha);
  if (!(limit > 0) || !isfinite((float)limit)) {
    return fail_range(env, "form.clamp.limit is %g; it must be a finite float32 above 0", limit);
  }
  expert->is_clamped = true;
  expert->alpha = (float)alpha;
  expert->limit = (float)limit;
  return true;
}

// Copies the biases of the form into memory of the expert. `values` are gateBias, upBias, downBias.
static bool copy_biases(napi_env env, const napi_value *values, struct expert *expert, size_t *bytes) {
  static const char *const names[] = {"form.gateBias", "form.upBias", "form.downBias"};
  const size_t lengths[] = {expert->gate->rows, expert->up->rows, expert->down->rows};
  float **const biases[] = {&expert->gate_bias, &expert->up_bias, &expert->down_bias};
  struct array given[3];
  size_t total = 0;
  for (int i = 0; i < 3; i++) {
    if (!read_optional_floats(env, values[i], names[i], &given[i])) return false;
    if (is_undefined(env, values[i])) continue;
    if (!check_length(env, &given[i], lengths[i], 1)) return false;
    total += lengths[i];
  }
  *bytes = total * sizeof(float);
  if (total == 0) return true;
  float *at = malloc(*bytes);
  if (at == NULL) return fail_memory(env);
  expert->owned = at;
  for (int i = 0; i < 3; i++) {
    if (given[i].data == NULL) continue;
    memcpy(at, given[i].data, lengths[i] * sizeof(float));
    *biases[i] = at;
    at += lengths[i];
  }
  return true;
}

// Reads the form, which may be undefined.
static bool read_form(napi_env env, napi_value form, struct expert *expert, size_t *bytes) {
  static const char *const keys[] = {"gateBias", "upBias", "downBias", "clamp"};
  static const char *const clamp_keys[] = {"alpha", "limit"};
  napi_value values[4], clamp[2];
  return read_properties(env, form, "form", keys, 4, values) &&
         read_properties(env, values[3], "form.clamp", clamp_keys, 2, clamp) &&
         (is_undefined(env, values[3]) || read_clamp(env, clamp, expert)) && copy_biases(env, values, expert, bytes);
}

static napi_value expert_entry(napi_env env, napi_callback_info info) {
  static const char *const names[] = {"gate", "up", "down"};
  napi_value arguments[4];
  void *found[3];
  if (!read_arguments(env, info, 4, arguments)) return NULL;
  for (int i = 0; i < 3; i++) {
    if (!read_handle(env, arguments[i], HANDLE_MATRIX, names[i], &found[i])) return NULL;
  }
  struct matrix *gate = found[0], *up = found[1], *down = found[2];
  if (up->rows != gate->rows || up->cols != gate->cols) {
    fail_range(env, "up is [%zu, %zu]; gate is [%zu, %zu]", up->rows, up->cols, gate->rows, gate->cols);
    return NULL;
  }
  if (down->rows != gate->cols || down->cols != gate->rows) {
    fail_range(env, "down is [%zu, %zu]; gate is [%zu, %zu]", down->rows, down->cols, gate->rows, gate->cols);
    return NULL;
  }
  struct expert read = {.gate = gate, .up = up, .down = down};
  size_t bytes;
  if (!read_form(env, arguments[3], &read, &bytes)) return NULL;
  struct expert *expert = malloc(sizeof *expert);
  if (expert == NULL) {
    free(read.owned);
    fail_memory(env);
    return NULL;
  }
  *expert = read;
  gate->uses++;
  up->uses++;
  down->uses++;
  napi_value handle = wrap_handle(env, HANDLE_EXPERT, expert, bytes, release_expert);
  if (handle == NULL) return NULL;
  set_number(env, handle, "hidden", (double)gate->cols);
  set_number(env, handle, "inner", (double)gate->rows);
  return handle;
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

bool add_expert_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {{"expert", expert_entry}, {"experts", experts_entry}};
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
