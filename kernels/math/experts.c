// SwiGLU experts, each over its group of rows, in steps: rounding, gate and up with the activation, rounding, down. Each step is one
// job over all groups. Products are split over rows of tiles, so that a single expert can keep every thread busy. One thread
// multiplies a row of tiles by all rows of a group, so that each weight is read from memory once.
#include <string.h>
#include "../system/pool.h"
#include "product.h"

struct group {
  const struct expert *expert;
  size_t first, rows;  // rows of `places` and of `activated`
};

struct job {
  const struct path *path;
  const struct group *groups;
  size_t count;
  size_t hidden, inner;
  size_t inner_blocks, hidden_blocks;  // rows of tiles of gate and up, and of down
  const struct place *places;  // if NULL, rows are in order
  const float *x;
  float *activated;  // [rows, inner]
  float *y;
  uint8_t *x_panels, *inner_panels;
};

static void quantise_group(const struct job *job, const struct group *group, const float *x, size_t cols,
                           const struct place *places, uint8_t *panels) {
  panels += panels_bytes(group->first, cols);
  for (size_t panel = 0; panel < panel_count(group->rows); panel++) {
    const size_t first = panel_start(group->rows, panel), rows = panel_start(group->rows, panel + 1) - first;
    const float *panel_rows[PANEL_ROWS];
    for (size_t r = 0; r < rows; r++) {
      const size_t row = group->first + first + r;
      panel_rows[r] = x + (places == NULL ? row : (size_t)places[row].from) * cols;
    }
    job->path->quantise(panel_rows, rows, cols, (uint8_t *)panel_at(panels, group->rows, cols, panel));
  }
}

static void quantise_inputs(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  for (size_t g = from; g < to; g++) {
    quantise_group(job, &job->groups[g], job->x, job->hidden, job->places, job->x_panels);
  }
}

static void quantise_inner(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  for (size_t g = from; g < to; g++) {
    quantise_group(job, &job->groups[g], job->activated, job->inner, NULL, job->inner_panels);
  }
}

// Turns `rows` rows of gate (in `gated`) and up (in `raised`), from output `output` on, into what `down` multiplies.
static void activate(const struct path *path, const struct expert *expert, size_t output, size_t outputs, size_t rows,
                     float *gated, size_t stride, float *raised) {
  for (size_t r = 0; r < rows; r++, gated += stride, raised += TILE_ROWS) {
    if (expert->gate_bias != NULL) path->add(gated, expert->gate_bias + output, outputs, gated);
    if (expert->up_bias != NULL) path->add(raised, expert->up_bias + output, outputs, raised);
    if (expert->is_clamped) path->clamped_swiglu(gated, raised, expert->alpha, expert->limit, outputs);
    else path->swiglu(gated, raised, outputs);
  }
}

static void gate_and_up(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  const size_t blocks = blocks_of(job->hidden);
  for (size_t item = from; item < to; item++) {
    const struct group *group = &job->groups[item / job->inner_blocks];
    const struct matrix *gate = group->expert->gate, *up = group->expert->up;
    const size_t block = item % job->inner_blocks, output = block * TILE_ROWS;
    const size_t outputs = smaller(job->inner - output, TILE_ROWS);
    const uint8_t *panels = job->x_panels + panels_bytes(group->first, job->hidden);
    for (size_t panel = 0; panel < panel_count(group->rows); panel++) {
      const uint8_t *input = panel_at(panels, group->rows, job->hidden, panel);
      const size_t first = panel_start(group->rows, panel), rows = panel_start(group->rows, panel + 1) - first;
      float raised[PANEL_ROWS * TILE_ROWS];
      float *gated = job->activated + (group->first + first) * job->inner + output;
      job->path->tiles(gate->bits, gate->data + block * row_block_bytes(gate), blocks, input, rows, gated, job->inner,
                       outputs);
      job->path->tiles(up->bits, up->data + block * row_block_bytes(up), blocks, input, rows, raised, TILE_ROWS,
                       outputs);
      activate(job->path, group->expert, output, outputs, rows, gated, job->inner, raised);
    }
  }
}

static void down(void *context, size_t from, size_t to, int thread) {
  (void)thread;
  const struct job *job = context;
  for (size_t item = from; item < to; item++) {
    const struct group *group = &job->groups[item / job->hidden_blocks];
    const struct matrix *matrix = group->expert->down;
    const float *bias = group->expert->down_bias;
    const size_t block = item % job->hidden_blocks, output = block * TILE_ROWS;
    const uint8_t *panels = job->inner_panels + panels_bytes(group->first, job->inner);
    for (size_t panel = 0; panel < panel_count(group->rows); panel++) {
      const size_t first = panel_start(group->rows, panel), rows = panel_start(group->rows, panel + 1) - first;
      const size_t outputs = smaller(job->hidden - output, TILE_ROWS);
      float answers[PANEL_ROWS * TILE_ROWS];
      job->path->tiles(matrix->bits, matrix->data + block * row_block_bytes(matrix), blocks_of(job->inner),
                       panel_at(panels, group->rows, job->inner, panel), rows, answers, TILE_ROWS, outputs);
      for (size_t r = 0; r < rows; r++) {
        const size_t row = group->first + first + r;
        float *y = job->y + (job->places == NULL ? row : (size_t)job->places[row].to) * job->hidden + output;
        if (bias == NULL) memcpy(y, answers + r * TILE_ROWS, outputs * sizeof *y);
        else job->path->add(answers + r * TILE_ROWS, bias + output, outputs, y);
      }
    }
  }
}

bool experts(const float *x, const struct expert *const *list, const int32_t *counts, size_t count,
             const struct place *places, float *y) {
  const struct matrix *shape = list[0]->gate;
  const size_t hidden = shape->cols, inner = shape->rows;
  size_t rows = 0;
  for (size_t g = 0; g < count; g++) rows += (size_t)counts[g];

  const size_t groups_bytes = round_up(count * sizeof(struct group), 64);
  uint8_t *inputs = pool_scratch(SCRATCH_INPUT, groups_bytes + panels_bytes(rows, hidden));
  float *activated = pool_scratch(SCRATCH_INNER, rows * inner * sizeof(float));
  uint8_t *inner_panels = pool_scratch(SCRATCH_INNER_PANELS, panels_bytes(rows, inner));
  if (inputs == NULL || activated == NULL || inner_panels == NULL) return false;

  struct group *groups = (struct group *)inputs;
  for (size_t g = 0, first = 0; g < count; first += (size_t)counts[g++]) {
    groups[g] = (struct group){list[g], first, (size_t)counts[g]};
  }
  struct job job = {
      .path = current_path(), .groups = groups, .count = count, .hidden = hidden, .inner = inner,
      .inner_blocks = row_blocks(shape), .hidden_blocks = row_blocks(list[0]->down),
      .places = places, .x = x, .activated = activated, .y = y,
      .x_panels = inputs + groups_bytes, .inner_panels = inner_panels,
  };
  const size_t wide = blocks_worth_a_range(2 * row_block_bytes(shape));
  const size_t narrow = blocks_worth_a_range(row_block_bytes(list[0]->down));
  const enum pool_cost cost = count == 1 ? COST_EVEN : COST_UNEVEN;
  // Rounding a row takes less than a microsecond, so waking threads for a few rows would take longer.
  const size_t few = 4;
  pool_run(quantise_inputs, &job, count, few, COST_UNEVEN);
  pool_run(gate_and_up, &job, count * job.inner_blocks, wide, cost);
  pool_run(quantise_inner, &job, count, few, COST_UNEVEN);
  pool_run(down, &job, count * job.hidden_blocks, narrow, cost);
  return true;
}
