// y = x Wᵀ + bias for matrices that share x. Work is split over outputs, so that no sum depends on the number of threads.
#include "product.h"
#include "../system/pool.h"

// Number of panels that stay in a core's second-level cache while the weights are read: 240 KiB at 1,536 inputs.
enum { RESIDENT_PANELS = 8 };

struct job {
  const struct path *path;
  const float *x;
  uint8_t *panels;
  size_t n, cols;
  const struct matrix *const *matrices;
  const float *const *biases;
  float *const *y;
  size_t items;  // rows of tiles of all matrices together
};

static void quantise_panels(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  for (size_t panel = from; panel < to; panel++) {
    const size_t first = panel_start(job->n, panel), rows = panel_start(job->n, panel + 1) - first;
    const float *x[PANEL_ROWS];
    for (size_t r = 0; r < rows; r++) x[r] = job->x + (first + r) * job->cols;
    job->path->quantise(x, rows, job->cols, (uint8_t *)panel_at(job->panels, job->n, job->cols, panel));
  }
}

static void multiply(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  const size_t panels = panel_count(job->n);
  for (size_t item = from; item < to; item++) {
    const size_t first_panel = item / job->items * RESIDENT_PANELS;
    const size_t last_panel = smaller(first_panel + RESIDENT_PANELS, panels);
    size_t block = item % job->items, which = 0;
    while (block >= row_blocks(job->matrices[which])) block -= row_blocks(job->matrices[which++]);
    const struct matrix *m = job->matrices[which];
    const uint8_t *tiles = m->data + block * row_block_bytes(m);
    const size_t output = block * TILE_ROWS;
    for (size_t panel = first_panel; panel < last_panel; panel++) {
      const size_t row = panel_start(job->n, panel), rows = panel_start(job->n, panel + 1) - row;
      const size_t outputs = smaller(m->rows - output, TILE_ROWS);
      float *y = job->y[which] + row * m->rows + output;
      job->path->tiles(m->bits, tiles, blocks_of(job->cols), panel_at(job->panels, job->n, job->cols, panel), rows, y,
                       m->rows, outputs);
      if (job->biases[which] == NULL) continue;
      const float *bias = job->biases[which] + output;
      for (size_t r = 0; r < rows; r++) job->path->add(y + r * m->rows, bias, outputs, y + r * m->rows);
    }
  }
}

bool product(const float *x, size_t n, const struct matrix *const *matrices, const float *const *biases,
             float *const *y, size_t count) {
  const size_t cols = matrices[0]->cols;
  uint8_t *panels = pool_scratch(SCRATCH_INPUT, panels_bytes(n, cols));
  if (panels == NULL) return false;
  struct job job = {current_path(), x, panels, n, cols, matrices, biases, y, 0};
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    job.items += row_blocks(matrices[i]);
    bytes = larger(bytes, row_block_bytes(matrices[i]));
  }
  pool_run(quantise_panels, &job, panel_count(n), 1, COST_EVEN);
  const size_t rounds = (panel_count(n) + RESIDENT_PANELS - 1) / RESIDENT_PANELS;
  pool_run(multiply, &job, rounds * job.items, blocks_worth_a_range(bytes), COST_EVEN);
  return true;
}
