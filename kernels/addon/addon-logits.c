// Functions over rows of logits, so that JavaScript need not read all logits of a vocabulary.
#include "addon.h"
#include "../math/draw.h"
#include "../path/path.h"
#include "../system/pool.h"

enum { MOST_BEST = 4096 };

struct picking {
  const struct path *path;
  const float *logits;
  size_t width, k;
  int32_t *ids;
  float *values;
  double *sums;
  float inverse_temperature;
};

static void pick_best(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct picking *job = context;
  for (size_t row = from; row < to; row++) {
    const float *logits = job->logits + row * job->width;
    job->path->topk(logits, job->width, job->k, job->ids + row * job->k, job->values + row * job->k);
  }
}

static void pick_first(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct picking *job = context;
  for (size_t row = from; row < to; row++) {
    const float *logits = job->logits + row * job->width;
    const size_t best = job->path->argmax(logits, job->width);
    job->ids[row] = (int32_t)best;
    job->values[row] = logits[best];
  }
}

static void sum_rows(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct picking *job = context;
  for (size_t row = from; row < to; row++) {
    job->sums[row] = job->path->logsumexp(job->logits + row * job->width, job->width, job->inverse_temperature);
  }
}

static void run(struct picking *job, pool_task task, size_t rows) {
  pool_lock();
  job->path = current_path();
  pool_run(task, job, rows, 1, COST_EVEN);
  pool_unlock();
}

// Reads the arguments logits, n, width.
static bool read_logits(napi_env env, napi_value *arguments, struct array *logits, size_t *n, size_t *width) {
  return read_count(env, arguments[1], "n", 1, MOST_ROWS, n) &&
         read_count(env, arguments[2], "width", 1, INT32_MAX, width) &&
         read_floats(env, arguments[0], "logits", logits) && check_length(env, logits, *n, *width);
}

static napi_value pick(napi_env env, napi_callback_info info, bool several) {
  napi_value arguments[6];
  struct array logits, ids, values;
  size_t n, width, k = 1;
  const size_t outputs = several ? 4 : 3;
  if (!read_arguments(env, info, outputs + 2, arguments) || !read_logits(env, arguments, &logits, &n, &width)) {
    return NULL;
  }
  if (several && !read_count(env, arguments[3], "k", 1, width < MOST_BEST ? width : MOST_BEST, &k)) return NULL;
  if (!read_integers(env, arguments[outputs], "ids", &ids) ||
      !read_floats(env, arguments[outputs + 1], "values", &values) || !check_length(env, &ids, n, k) ||
      !check_length(env, &values, n, k) || !check_apart(env, &ids, &logits) || !check_apart(env, &values, &logits) ||
      !check_apart(env, &ids, &values)) {
    return NULL;
  }
  struct picking job = {.logits = logits.data, .width = width, .k = k, .ids = ids.data, .values = values.data};
  run(&job, several ? pick_best : pick_first, n);
  return NULL;
}

static napi_value argmax_entry(napi_env env, napi_callback_info info) { return pick(env, info, false); }
static napi_value topk_entry(napi_env env, napi_callback_info info) { return pick(env, info, true); }

static napi_value logsumexp_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct array logits, y;
  size_t n, width;
  double temperature;
  if (!read_arguments(env, info, 5, arguments) || !read_logits(env, arguments, &logits, &n, &width) ||
      !read_number(env, arguments[3], "temperature", &temperature) ||
      !read_array(env, arguments[4], napi_float64_array, "y", &y) || !check_length(env, &y, n, 1) ||
      !check_apart(env, &y, &logits)) {
    return NULL;
  }
  if (!(temperature > 0)) {
    fail_range(env, "temperature is %g; it must be above 0", temperature);
    return NULL;
  }
  struct picking job = {
      .logits = logits.data, .width = width, .sums = y.data, .inverse_temperature = (float)(1 / temperature)};
  run(&job, sum_rows, n);
  return NULL;
}

// Arguments: logits, width, temperature, topP, topK, minP, u.
static napi_value draw_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  struct array logits;
  size_t width, top_k;
  double temperature, top_p, min_p, u;
  if (!read_arguments(env, info, 7, arguments) || !read_floats(env, arguments[0], "logits", &logits) ||
      !read_count(env, arguments[1], "width", 1, INT32_MAX, &width) || !check_length(env, &logits, 1, width) ||
      !read_number(env, arguments[2], "temperature", &temperature) || !read_number(env, arguments[3], "topP", &top_p) ||
      !read_count(env, arguments[4], "topK", 0, INT32_MAX, &top_k) || !read_number(env, arguments[5], "minP", &min_p) ||
      !read_number(env, arguments[6], "u", &u)) {
    return NULL;
  }
  if (!(temperature > 0) || !(top_p > 0) || !(min_p >= 0) || !(min_p <= 1) || !(u >= 0) || !(u < 1)) {
    fail_range(env, "temperature %g and topP %g must be above 0, minP %g in 0 ... 1, u %g in 0 ... 1", temperature,
               top_p, min_p, u);
    return NULL;
  }
  const struct draw_settings settings = {(float)temperature, top_p, top_k, (float)min_p, u};
  pool_lock();
  const int64_t id = draw(logits.data, width, &settings);
  pool_unlock();
  if (id == -2) fail_memory(env);
  if (id == -1) fail_range(env, "logits holds no finite value");
  napi_value value = NULL;
  if (id >= 0) napi_create_int64(env, id, &value);
  return value;
}

bool add_logit_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"argmax", argmax_entry},
      {"topk", topk_entry},
      {"logsumexp", logsumexp_entry},
      {"draw", draw_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
