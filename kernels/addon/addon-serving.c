// Functions that say which calls are served without JavaScript (wire/serve.h).
#include <stdlib.h>
#include <string.h>
#include "addon.h"
#include "wires.h"
#include "../wire/frame.h"
#include "../wire/serve.h"

// Limits of one run and of one call.
enum { MOST_BATCH_ASKS = 16384, MOST_CALL_ROWS = 65536 };
// Units of one model.
enum { MOST_UNITS = 1 << 24 };

static void release_serving(void *serving) { serving_free(serving); }

// serving(batchAsks, queuedAsks, runningCalls, frameBytes, passedOver)
static napi_value serving_entry(napi_env env, napi_callback_info info) {
  static const char *const names[] = {"batchAsks", "queuedAsks", "runningCalls", "frameBytes", "passedOver"};
  // A run's rows and asks are counted in int32: at most MOST_CALL_ROWS for each of its asks.
  static const size_t most[] = {MOST_BATCH_ASKS, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX};
  napi_value arguments[5];
  size_t values[5];
  if (!read_arguments(env, info, 5, arguments)) return NULL;
  for (int i = 0; i < 5; i++) {
    if (!read_count(env, arguments[i], names[i], 1, most[i], &values[i])) return NULL;
  }
  struct wires *wires = wires_of(env);
  if (wires == NULL) return NULL;
  const struct serving_limits limits = {values[0], values[1], values[2], values[3], (int)values[4]};
  struct serving *serving = serving_create(wires, &limits);
  if (serving != NULL) return wrap_handle(env, HANDLE_SERVING, serving, 0, release_serving);
  fail_memory(env);
  return NULL;
}

static struct serving *read_serving(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *serving;
  if (!read_arguments(env, info, count, arguments) || !read_handle(env, arguments[0], HANDLE_SERVING, "serving", &serving)) return NULL;
  return serving;
}

// serveModel(serving, identity, layers, experts, hidden, mostRows, mostAsks): number of the model
static napi_value model_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[7], value = NULL;
  struct serving *serving = read_serving(env, info, 7, arguments);
  struct served_model model = {0};
  char identity[MOST_MODEL_BYTES + 1];
  if (serving == NULL) return NULL;
  if (!read_short_text(env, arguments[1], "identity", identity, sizeof identity, &model.identity_bytes) ||
      !read_count(env, arguments[2], "layers", 1, 65536, &model.layers) ||
      !read_count(env, arguments[3], "experts", 1, 65536, &model.experts) ||
      !read_count(env, arguments[4], "hidden", 1, MOST_WIDTH, &model.hidden) ||
      !read_count(env, arguments[5], "mostRows", 1, MOST_CALL_ROWS, &model.most_rows) ||
      !read_count(env, arguments[6], "mostAsks", 1, MOST_CALL_ROWS, &model.most_asks)) {
    return NULL;
  }
  if (model.layers * model.experts > MOST_UNITS) {
    fail_range(env, "a model of %zu layers of %zu experts has too many units", model.layers, model.experts);
    return NULL;
  }
  const size_t answer = ANSWER_HEAD + model.most_asks * model.hidden * sizeof(float);
  if (answer > serving_frame_bytes(serving)) {
    fail_range(env, "the answer to %zu asks takes %zu bytes, more than a frame", model.most_asks, answer);
    return NULL;
  }
  memcpy(model.identity, identity, model.identity_bytes);
  napi_create_int32(env, serving_add(serving, &model), &value);
  return value;
}

static bool read_unit(napi_env env, struct serving *serving, napi_value *arguments, struct served_model **model, size_t *unit) {
  size_t number, layer, expert;
  if (!read_count(env, arguments[1], "model", 0, MOST_SERVED_MODELS - 1, &number)) return false;
  *model = serving_model(serving, (int)number);
  if (*model == NULL) return fail_range(env, "model %zu is not served", number);
  if (!read_count(env, arguments[2], "layer", 0, (*model)->layers - 1, &layer) ||
      !read_count(env, arguments[3], "expert", 0, (*model)->experts - 1, &expert)) {
    return false;
  }
  *unit = layer * (*model)->experts + expert;
  return true;
}

// serveUnit(serving, model, layer, expert, matrices)
static napi_value unit_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct serving *serving = read_serving(env, info, 5, arguments);
  struct served_model *model;
  size_t unit;
  void *handle;
  if (serving == NULL || !read_unit(env, serving, arguments, &model, &unit) ||
      !read_handle(env, arguments[4], HANDLE_EXPERT, "matrices", &handle)) {
    return NULL;
  }
  const struct expert *expert = handle;
  if (expert->gate->cols != model->hidden) {
    fail_range(env, "matrices take rows of %zu floats; the model's rows have %zu", expert->gate->cols, model->hidden);
    return NULL;
  }
  if (model->inner == 0) model->inner = expert->gate->rows;
  if (expert->gate->rows != model->inner) {
    fail_range(env, "matrices have an inner width of %zu; the model's other units have %zu", expert->gate->rows, model->inner);
    return NULL;
  }
  model->units[unit] = expert;
  model->is_open[unit] = true;
  return NULL;
}

// shutUnit(serving, model, layer, expert): new calls of the unit are left to JavaScript
static napi_value shut_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct serving *serving = read_serving(env, info, 4, arguments);
  struct served_model *model;
  size_t unit;
  if (serving != NULL && read_unit(env, serving, arguments, &model, &unit)) model->is_open[unit] = false;
  return NULL;
}

static napi_value stop_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct serving *serving = read_serving(env, info, 1, arguments);
  if (serving != NULL) serving_stop(serving);
  return NULL;
}

// servingCounts(serving, out [5])
static napi_value counts_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct serving *serving = read_serving(env, info, 2, arguments);
  struct array out;
  if (serving == NULL || !read_array(env, arguments[1], napi_float64_array, "out", &out) || !check_length(env, &out, 5, 1)) {
    return NULL;
  }
  const struct serving_counts *counts = serving_counts(serving);
  const double values[] = {counts->queued_calls, counts->queued_asks, serving_oldest_ticket(serving), counts->next_ticket, counts->answered};
  memcpy(out.data, values, sizeof values);
  return NULL;
}

// takeSamples(serving, out [SAMPLES]): number of doubles
static napi_value samples_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2], value = NULL;
  struct serving *serving = read_serving(env, info, 2, arguments);
  struct array out;
  if (serving == NULL || !read_array(env, arguments[1], napi_float64_array, "out", &out) ||
      !check_length(env, &out, SAMPLES, 1)) {
    return NULL;
  }
  struct serving_counts *counts = serving_counts(serving);
  memcpy(out.data, serving_samples(serving), (size_t)counts->samples * sizeof(double));
  napi_create_double(env, counts->samples, &value);
  counts->samples = 0;
  return value;
}

bool add_serving_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"serving", serving_entry},   {"serveModel", model_entry},     {"serveUnit", unit_entry},
      {"shutUnit", shut_entry},     {"stopServing", stop_entry},     {"servingCounts", counts_entry},
      {"takeSamples", samples_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
