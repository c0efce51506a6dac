// Functions over rows of floats: norms, factors, the router's scores, and the weighted sum of experts' answers.
#include "addon.h"
#include "../path/path.h"
#include "../system/pool.h"

// For fewer rows than this, one thread alone is faster than several.
enum { FEW_ROWS = 8 };

enum { MOST_RANKS = 1 << 16 };

struct norm {
  const struct path *path;
  const float *h, *o, *weight;  // if o is NULL, h itself is normed
  float *residual, *y;
  size_t width;
  float eps;
};

static void norm_rows(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct norm *job = context;
  for (size_t row = from; row < to; row++) {
    const float *x = job->h + row * job->width;
    if (job->o != NULL) {
      float *residual = job->residual + row * job->width;
      job->path->add(x, job->o + row * job->width, job->width, residual);
      x = residual;
    }
    job->path->rmsnorm(x, job->weight, job->eps, job->width, job->y + row * job->width);
  }
}

static bool read_eps(napi_env env, napi_value value, float *eps) {
  double number;
  if (!read_number(env, value, "eps", &number)) return false;
  *eps = (float)number;
  return number >= 0 || fail_range(env, "eps is %g; it must not be negative", number);
}

static void run_norm(struct norm *job, size_t rows) {
  pool_lock();
  job->path = current_path();
  pool_run(norm_rows, job, rows, FEW_ROWS, COST_EVEN);
  pool_unlock();
}

static napi_value rmsnorm_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct array x, weight, y;
  float eps;
  size_t n;
  if (!read_arguments(env, info, 5, arguments) || !read_eps(env, arguments[2], &eps) ||
      !read_count(env, arguments[4], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "x", &x) ||
      !read_floats(env, arguments[1], "weight", &weight) || !read_floats(env, arguments[3], "y", &y)) {
    return NULL;
  }
  const size_t width = weight.length;
  if (width < 1 || width > MOST_WIDTH) {
    fail_range(env, "weight has %zu elements; 1 to %zu are allowed", width, MOST_WIDTH);
    return NULL;
  }
  if (!check_length(env, &x, n, width) || !check_length(env, &y, n, width) || !check_apart(env, &y, &x) ||
      !check_apart(env, &y, &weight)) {
    return NULL;
  }
  struct norm job = {.h = x.data, .weight = weight.data, .y = y.data, .width = width, .eps = eps};
  run_norm(&job, n);
  return NULL;
}

static napi_value add_rmsnorm_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  struct array h, o, weight, residual, y;
  float eps;
  size_t n;
  if (!read_arguments(env, info, 7, arguments) || !read_eps(env, arguments[3], &eps) ||
      !read_count(env, arguments[6], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "h", &h) ||
      !read_floats(env, arguments[1], "o", &o) || !read_floats(env, arguments[2], "weight", &weight) ||
      !read_floats(env, arguments[4], "residual", &residual) || !read_floats(env, arguments[5], "y", &y)) {
    return NULL;
  }
  const size_t width = weight.length;
  if (width < 1 || width > MOST_WIDTH) {
    fail_range(env, "weight has %zu elements; 1 to %zu are allowed", width, MOST_WIDTH);
    return NULL;
  }
  if (!check_length(env, &h, n, width) || !check_length(env, &o, n, width) ||
      !check_length(env, &residual, n, width) || !check_length(env, &y, n, width) || !check_apart(env, &y, &h) ||
      !check_apart(env, &y, &o) || !check_apart(env, &y, &weight) || !check_apart(env, &y, &residual) ||
      !check_apart(env, &residual, &o) || !check_apart(env, &residual, &weight) ||
      (residual.data != h.data && !check_apart(env, &residual, &h))) {
    return NULL;
  }
  struct norm job = {.h = h.data, .o = o.data, .weight = weight.data, .residual = residual.data, .y = y.data,
                     .width = width, .eps = eps};
  run_norm(&job, n);
  return NULL;
}

struct scoring {
  const struct path *path;
  const float *x, *weights;
  float *y;
  size_t n, outputs, cols;
};

// One item of work is a few outputs of all rows, so that each weight is read once.
enum { OUTPUTS_AT_ONCE = 4 };

static void score_outputs(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct scoring *job = context;
  for (size_t item = from; item < to; item++) {
    const size_t first = item * OUTPUTS_AT_ONCE;
    const size_t count = job->outputs - first < OUTPUTS_AT_ONCE ? job->outputs - first : OUTPUTS_AT_ONCE;
    job->path->scores(job->x, job->n, job->weights + first * job->cols, count, job->cols, job->y + first, job->outputs);
  }
}

static napi_value scores_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  struct array x, weights, y;
  size_t outputs, cols, n;
  if (!read_arguments(env, info, 6, arguments) || !read_count(env, arguments[2], "outputs", 1, MOST_WIDTH, &outputs) ||
      !read_count(env, arguments[3], "cols", 1, MOST_WIDTH, &cols) ||
      !read_count(env, arguments[5], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "x", &x) ||
      !read_floats(env, arguments[1], "weights", &weights) || !read_floats(env, arguments[4], "y", &y) ||
      !check_length(env, &x, n, cols) || !check_length(env, &weights, outputs, cols) ||
      !check_length(env, &y, n, outputs) || !check_apart(env, &y, &x) || !check_apart(env, &y, &weights)) {
    return NULL;
  }
  pool_lock();
  struct scoring job = {current_path(), x.data, weights.data, y.data, n, outputs, cols};
  const size_t items = (outputs + OUTPUTS_AT_ONCE - 1) / OUTPUTS_AT_ONCE;
  // A range of less than about 32 KiB of weights takes less time than waking a thread.
  const size_t least = 1 + 32768 / (OUTPUTS_AT_ONCE * cols * sizeof(float));
  pool_run(score_outputs, &job, items, least, COST_EVEN);
  pool_unlock();
  return NULL;
}

struct combining {
  const struct path *path;
  float *residual;
  const float *answers, *weights;
  const uint8_t *mask;  // if NULL, all rows are combined
  size_t k, width;
};

static void combine_rows(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct combining *job = context;
  for (size_t row = from; row < to; row++) {
    if (job->mask != NULL && job->mask[row] == 0) continue;
    for (size_t slot = row * job->k; slot < (row + 1) * job->k; slot++) {
      job->path->add_weighted(job->answers + slot * job->width, job->weights[slot], job->width,
                              job->residual + row * job->width);
    }
  }
}

static napi_value combine_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  struct array residual, answers, weights, mask;
  size_t k, width, n;
  if (!read_arguments(env, info, 7, arguments) || !read_count(env, arguments[3], "k", 1, MOST_RANKS, &k) ||
      !read_count(env, arguments[4], "width", 1, MOST_WIDTH, &width) ||
      !read_count(env, arguments[5], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "residual", &residual) ||
      !read_floats(env, arguments[1], "answers", &answers) || !read_floats(env, arguments[2], "weights", &weights) ||
      !read_optional_bytes(env, arguments[6], "mask", &mask) || !check_length(env, &residual, n, width) ||
      // The weights are checked first: n * k is then a number of existing elements, so n * k * width cannot overflow.
      !check_length(env, &weights, n, k) || !check_length(env, &answers, n * k, width) ||
      (mask.data != NULL && !check_length(env, &mask, n, 1)) || !check_apart(env, &residual, &answers) ||
      !check_apart(env, &residual, &weights) || (mask.data != NULL && !check_apart(env, &residual, &mask))) {
    return NULL;
  }
  pool_lock();
  struct combining job = {current_path(), residual.data, answers.data, weights.data, mask.data, k, width};
  pool_run(combine_rows, &job, n, FEW_ROWS, COST_EVEN);
  pool_unlock();
  return NULL;
}

struct scaling {
  const struct path *path;
  float *y;
  const float *factors;
  size_t width;
};

static void scale_rows(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct scaling *job = context;
  for (size_t row = from; row < to; row++) {
    job->path->scale_row(job->y + row * job->width, job->factors[row], job->width);
  }
}

static napi_value scale_rows_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct array y, factors;
  size_t width, n;
  if (!read_arguments(env, info, 4, arguments) || !read_count(env, arguments[2], "width", 1, MOST_WIDTH, &width) ||
      !read_count(env, arguments[3], "n", 1, MOST_ROWS, &n) || !read_floats(env, arguments[0], "y", &y) ||
      !read_floats(env, arguments[1], "factors", &factors) || !check_length(env, &y, n, width) ||
      !check_length(env, &factors, n, 1) || !check_apart(env, &y, &factors)) {
    return NULL;
  }
  pool_lock();
  struct scaling job = {current_path(), y.data, factors.data, width};
  pool_run(scale_rows, &job, n, FEW_ROWS, COST_EVEN);
  pool_unlock();
  return NULL;
}

bool add_row_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"rmsnorm", rmsnorm_entry},
      {"addRmsnorm", add_rmsnorm_entry},
      {"scores", scores_entry},
      {"combine", combine_entry},
      {"scaleRows", scale_rows_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
