#include "serve.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../system/pool.h"
#include "frame.h"

struct job {
  struct job *next, *previous;  // in the queue; in a batch only `next`
  struct job *next_of_wire;     // in the wire's list of queued jobs
  struct wire *wire;
  const struct served_model *model;
  uint8_t *frame;
  size_t frame_bytes, capacity;
  struct run_call call;  // points into `frame`
  size_t rows;
  double ticket;
  uint64_t came_at, deadline_at;  // ns
};

struct serving {
  struct wires *wires;  // NULL when the event loop has ended
  struct serving *next;
  struct serving_limits limits;
  struct served_model models[MOST_SERVED_MODELS];
  int count;
  bool is_stopped;
  struct job *first, *last;  // oldest first
  int passed_over;           // consecutive turns that did not run the oldest call
  struct serving_counts counts;
  double samples[SAMPLES];
  // Memory that is used again for every run.
  struct job *spare;
  uint8_t *answer;
  size_t answer_capacity;
  float *joined_x, *joined_y;
  size_t x_capacity, y_capacity;
  size_t *ends;  // [most experts of a model]
  struct place *places;
  size_t places_capacity;
  const struct expert **list;
  int32_t *group_rows;
};

enum { MOST_SPARE_BYTES = 1 << 20 };
// A frame that fills less than 1 / LEAST_FILLED of its memory is copied, so that waiting calls hold little more than their frames.
enum { LEAST_FILLED = 4 };

static double to_ms(uint64_t ns) { return (double)ns / 1e6; }

static bool grow(void **memory, size_t *capacity, size_t bytes) {
  if (bytes <= *capacity) return true;
  void *grown;
  if (posix_memalign(&grown, 64, bytes) != 0) return false;
  free(*memory);
  *memory = grown;
  *capacity = bytes;
  return true;
}

struct serving *serving_create(struct wires *wires, const struct serving_limits *limits) {
  struct serving *serving = calloc(1, sizeof *serving);
  if (serving == NULL) return NULL;
  serving->wires = wires;
  serving->limits = *limits;
  serving->next = wires->servings;
  wires->servings = serving;
  return serving;
}

static void free_job(struct job *job) {
  free(job->frame);
  free(job);
}

// Takes a job out of the queue.
static struct job *unlink_job(struct serving *serving, struct job *job) {
  if (job->previous != NULL) job->previous->next = job->next;
  else serving->first = job->next;
  if (job->next != NULL) job->next->previous = job->previous;
  else serving->last = job->previous;
  struct job **link = &job->wire->jobs;
  while (*link != job) link = &(*link)->next_of_wire;
  *link = job->next_of_wire;
  job->next = job->previous = job->next_of_wire = NULL;
  serving->counts.queued_calls--;
  serving->counts.queued_asks -= (double)job->call.asks;
  return job;
}

// The last use of a job that is not in the queue.
static void finish(struct serving *serving, struct job *job) {
  job->wire->running--;
  if (serving->spare == NULL && job->capacity <= MOST_SPARE_BYTES) serving->spare = job;
  else free_job(job);
}

void servings_detach(struct serving *first) {
  for (struct serving *serving = first; serving != NULL; serving = serving->next) serving->wires = NULL;
}

static void leave_wires(struct serving *serving) {
  struct wires *wires = serving->wires;
  if (wires == NULL) return;
  for (struct wire *wire = wires->first; wire != NULL; wire = wire->next) {
    if (wire->serving == serving) wire->serving = NULL;
  }
  struct serving **link = &wires->servings;
  while (*link != serving) link = &(*link)->next;
  *link = serving->next;
}

void serving_free(struct serving *serving) {
  leave_wires(serving);
  while (serving->first != NULL) finish(serving, unlink_job(serving, serving->first));
  if (serving->spare != NULL) free_job(serving->spare);
  for (int i = 0; i < serving->count; i++) {
    free(serving->models[i].units);
    free(serving->models[i].is_open);
  }
  free(serving->answer);
  free(serving->joined_x);
  free(serving->joined_y);
  free(serving->ends);
  free(serving->places);
  free(serving->list);
  free(serving->group_rows);
  free(serving);
}

int serving_add(struct serving *serving, const struct served_model *model) {
  if (serving->count == MOST_SERVED_MODELS) return -1;
  size_t most = 0;
  for (int i = 0; i < serving->count; i++) most = larger(most, serving->models[i].experts);
  if (model->experts > most) {
    size_t *ends = realloc(serving->ends, model->experts * sizeof *ends);
    if (ends != NULL) serving->ends = ends;
    const struct expert **list = realloc(serving->list, model->experts * sizeof *list);
    if (list != NULL) serving->list = list;
    int32_t *rows = realloc(serving->group_rows, model->experts * sizeof *rows);
    if (rows != NULL) serving->group_rows = rows;
    if (ends == NULL || list == NULL || rows == NULL) return -1;
  }
  struct served_model *added = &serving->models[serving->count];
  *added = *model;
  added->units = calloc(model->layers * model->experts, sizeof *added->units);
  added->is_open = calloc(model->layers * model->experts, sizeof *added->is_open);
  if (added->units != NULL && added->is_open != NULL) return serving->count++;
  free(added->units);
  free(added->is_open);
  return -1;
}

struct served_model *serving_model(struct serving *serving, int model) {
  return model >= 0 && model < serving->count ? &serving->models[model] : NULL;
}

void serving_stop(struct serving *serving) { serving->is_stopped = true; }

size_t serving_frame_bytes(const struct serving *serving) {
  return serving->is_stopped ? 0 : FRAME_HEADER + serving->limits.frame_bytes;
}

struct serving_counts *serving_counts(struct serving *serving) { return &serving->counts; }

double serving_oldest_ticket(const struct serving *serving) {
  return serving->first != NULL ? serving->first->ticket : serving->counts.next_ticket;
}

double *serving_samples(struct serving *serving) { return serving->samples; }

static const struct served_model *find_model(const struct serving *serving, const struct run_call *call) {
  for (int i = 0; i < serving->count; i++) {
    const struct served_model *model = &serving->models[i];
    if (model->identity_bytes == call->model_bytes && memcmp(model->identity, call->model, call->model_bytes) == 0) {
      return model;
    }
  }
  return NULL;
}

static uint16_t pair_part(const struct run_call *call, size_t index) {
  uint16_t part;
  memcpy(&part, call->pairs + 2 * index, sizeof part);
  return part;
}

// Whether everything is as the protocol wants it and can be served here. Otherwise JavaScript finds the reason and says it.
static bool is_servable(const struct serving *serving, const struct served_model *model, const struct run_call *call) {
  const size_t row_bytes = model->hidden * sizeof(float);
  const size_t rows = call->rows_bytes / row_bytes;
  if (call->layer >= model->layers || rows < 1 || rows > model->most_rows || call->rows_bytes % row_bytes != 0 ||
      call->asks < 1 || call->asks > model->most_asks || call->deadline_ms == 0 ||
      serving->counts.queued_asks + (double)call->asks > (double)serving->limits.queued_asks) {
    return false;
  }
  const bool *is_open = model->is_open + call->layer * model->experts;
  for (size_t i = 0; i < call->asks; i++) {
    const size_t row = pair_part(call, 2 * i), expert = pair_part(call, 2 * i + 1);
    if (row >= rows || expert >= model->experts || !is_open[expert]) return false;
  }
  return all_finite(call->rows, call->rows_bytes);
}

// A job with the frame. If the frame is all that the wire holds, and is not small, no byte is copied: the two exchange their memory.
static struct job *take_frame(struct serving *serving, struct wire *wire, size_t bytes) {
  struct job *job = serving->spare;
  if (job != NULL) serving->spare = NULL;
  else job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  if (wire->held == bytes && bytes >= wire->capacity / LEAST_FILLED) {
    uint8_t *const frame = wire->in;
    const size_t capacity = wire->capacity;
    wire->in = job->frame;
    wire->capacity = job->capacity;
    wire->held = 0;
    job->frame = frame;
    job->capacity = capacity;
  } else {
    if (!grow((void **)&job->frame, &job->capacity, bytes)) {
      free_job(job);
      return NULL;
    }
    memcpy(job->frame, wire->in, bytes);
    wire_consume(wire, bytes);
  }
  job->frame_bytes = bytes;
  return job;
}

bool serve_call(struct serving *serving, struct wire *wire, size_t bytes) {
  struct run_call call;
  if (serving->is_stopped || wire->running >= serving->limits.running_calls || wire->ending ||
      !read_call(wire->in, bytes, &call) || (call.rows - wire->in) % sizeof(float) != 0 || wire_has_call(wire, call.id)) {
    return false;
  }
  const struct served_model *model = find_model(serving, &call);
  if (model == NULL || !is_servable(serving, model, &call)) return false;
  struct job *job = take_frame(serving, wire, bytes);
  if (job == NULL) return false;
  read_call(job->frame, bytes, &job->call);  // the memory may be another now
  job->wire = wire;
  job->model = model;
  job->rows = call.rows_bytes / (model->hidden * sizeof(float));
  job->ticket = serving->counts.next_ticket++;
  job->came_at = uv_hrtime();
  job->deadline_at = job->came_at + (uint64_t)call.deadline_ms * 1000000;
  job->next = NULL;
  job->previous = serving->last;
  if (serving->last != NULL) serving->last->next = job;
  else serving->first = job;
  serving->last = job;
  job->next_of_wire = wire->jobs;
  wire->jobs = job;
  serving->counts.queued_calls++;
  serving->counts.queued_asks += (double)call.asks;
  wire->running++;
  return true;
}

// Hands the call to JavaScript, which runs it again and answers it. JavaScript may drop any queued job meanwhile.
static void give_up(struct serving *serving, struct job *job) {
  struct wire *wire = job->wire;
  const bool is_open = !wire->is_closed && !wire->ending;
  if (is_open && !wire->of->events->frame(wire, job->frame, job->frame_bytes)) wire_close(wire, ENOMEM);
  finish(serving, job);
}

static struct job *find_job(const struct wire *wire, uint32_t id) {
  struct job *job = wire->jobs;
  while (job != NULL && job->call.id != id) job = job->next_of_wire;
  return job;
}

bool wire_has_call(const struct wire *wire, uint32_t id) { return find_job(wire, id) != NULL; }

bool serving_cancel(struct serving *serving, struct wire *wire, uint32_t id) {
  struct job *job = find_job(wire, id);
  if (job == NULL) return false;
  finish(serving, unlink_job(serving, job));
  return true;
}

void serving_forget(struct serving *serving, struct wire *wire) {
  while (wire->jobs != NULL) finish(serving, unlink_job(serving, wire->jobs));
}

// The job whose turn it is: the oldest with decode rows; the oldest of all if none has, or if it was passed over too often.
static struct job *choose(const struct serving *serving) {
  if (serving->passed_over >= serving->limits.passed_over) return serving->first;
  for (struct job *job = serving->first; job != NULL; job = job->next) {
    if (job->call.priority == 0) return job;
  }
  return serving->first;
}

// Moves the chosen job, and others of its layer that fit, to a list of their own: first decode, then prefill, oldest first.
static struct job *take(struct serving *serving) {
  struct job *const chosen = choose(serving), *const oldest = serving->first;
  struct job *batch = NULL, **end = &batch;
  size_t asks = 0;
  bool is_full = false;
  for (int pass = 0; pass < 3 && !is_full; pass++) {
    for (struct job *job = serving->first, *next; job != NULL && !is_full; job = next) {
      next = job->next;
      const bool joins = pass == 0 ? job == chosen
                                   : job->call.priority == pass - 1 && job->model == chosen->model &&
                                         job->call.layer == chosen->call.layer;
      if (!joins) continue;
      asks += job->call.asks;
      is_full = batch != NULL && asks > serving->limits.batch_asks;
      if (is_full) break;
      *end = unlink_job(serving, job);
      end = &(*end)->next;
    }
  }
  serving->passed_over = serving->first == oldest ? serving->passed_over + 1 : 0;
  return batch;
}

static bool make_room(struct serving *serving, const struct served_model *model, size_t calls, size_t rows, size_t asks) {
  const size_t row_bytes = model->hidden * sizeof(float);
  const bool joined = calls > 1;
  return grow((void **)&serving->answer, &serving->answer_capacity, ANSWER_HEAD + asks * row_bytes) &&
         grow((void **)&serving->places, &serving->places_capacity, asks * sizeof(struct place)) &&
         (!joined || (grow((void **)&serving->joined_x, &serving->x_capacity, rows * row_bytes) &&
                      grow((void **)&serving->joined_y, &serving->y_capacity, asks * row_bytes)));
}

// Sorts the asks of the batch by expert. Returns the number of experts.
static size_t group_asks(struct serving *serving, const struct job *batch) {
  const struct served_model *model = batch->model;
  size_t *ends = serving->ends;
  memset(ends, 0, model->experts * sizeof *ends);
  for (const struct job *job = batch; job != NULL; job = job->next) {
    for (size_t i = 0; i < job->call.asks; i++) ends[pair_part(&job->call, 2 * i + 1)]++;
  }
  size_t groups = 0, at = 0;
  for (size_t expert = 0; expert < model->experts; expert++) {
    const size_t count = ends[expert];
    ends[expert] = at;
    at += count;
    if (count == 0) continue;
    serving->list[groups] = model->units[batch->call.layer * model->experts + expert];
    serving->group_rows[groups++] = (int32_t)count;
  }
  size_t row = 0, ask = 0;
  for (const struct job *job = batch; job != NULL; job = job->next) {
    for (size_t i = 0; i < job->call.asks; i++) {
      struct place *place = &serving->places[ends[pair_part(&job->call, 2 * i + 1)]++];
      *place = (struct place){(int32_t)(row + pair_part(&job->call, 2 * i)), (int32_t)ask++};
    }
    row += job->rows;
  }
  return groups;
}

static void answer(struct serving *serving, struct job *job, size_t rows_bytes, uint64_t started, uint64_t ended) {
  const double run_ms = to_ms(ended - started), queue_ms = to_ms(started - job->came_at);
  if (!all_finite(serving->answer + ANSWER_HEAD, rows_bytes)) {
    give_up(serving, job);
    return;
  }
  write_answer_head(serving->answer, job->call.id, run_ms, queue_ms, rows_bytes);
  wire_write(job->wire, serving->answer, ANSWER_HEAD + rows_bytes);
  serving->counts.answered++;
  finish(serving, job);
}

static void note(struct serving *serving, const struct job *batch, size_t calls, size_t groups, uint64_t started,
                 uint64_t ended) {
  const size_t at = (size_t)serving->counts.samples;
  if (at + SAMPLE_HEAD + calls > SAMPLES) return;
  double *sample = serving->samples + at, asks[2] = {0, 0};
  size_t call = 0;
  for (const struct job *job = batch; job != NULL; job = job->next) {
    asks[job->call.priority] += (double)job->call.asks;
    sample[SAMPLE_HEAD + call++] = to_ms(started - job->came_at);
  }
  sample[0] = (double)calls;
  sample[1] = asks[0];
  sample[2] = asks[1];
  sample[3] = (double)groups;
  sample[4] = to_ms(ended - started);
  serving->counts.samples += (double)(SAMPLE_HEAD + calls);
}

static void run_batch(struct serving *serving, struct job *batch) {
  const struct served_model *model = batch->model;
  const size_t row_bytes = model->hidden * sizeof(float);
  size_t calls = 0, rows = 0, asks = 0;
  for (const struct job *job = batch; job != NULL; job = job->next, calls++) {
    rows += job->rows;
    asks += job->call.asks;
  }
  const uint64_t started = uv_hrtime();
  bool done = make_room(serving, model, calls, rows, asks);
  size_t groups = 0;
  float *y = NULL;
  if (done) {
    y = calls > 1 ? serving->joined_y : (float *)(serving->answer + ANSWER_HEAD);
    const float *x = (const float *)batch->call.rows;
    if (calls > 1) {
      uint8_t *at = (uint8_t *)serving->joined_x;
      for (const struct job *job = batch; job != NULL; job = job->next) {
        memcpy(at, job->call.rows, job->call.rows_bytes);
        at += job->call.rows_bytes;
      }
      x = serving->joined_x;
    }
    groups = group_asks(serving, batch);
    pool_lock();
    done = experts(x, serving->list, serving->group_rows, groups, serving->places, y);
    pool_unlock();
  }
  const uint64_t ended = uv_hrtime();
  if (done) note(serving, batch, calls, groups, started, ended);
  const uint8_t *from = (const uint8_t *)y;
  for (struct job *job = batch, *next; job != NULL; job = next) {
    next = job->next;
    const size_t bytes = job->call.asks * row_bytes;
    if (!done) {
      give_up(serving, job);
      continue;
    }
    if (calls > 1) {
      memcpy(serving->answer + ANSWER_HEAD, from, bytes);
      from += bytes;
    }
    answer(serving, job, bytes, started, ended);
  }
}

// Moves the jobs whose deadline has passed to a list of their own, oldest first.
static struct job *take_late(struct serving *serving) {
  const uint64_t now = uv_hrtime();
  struct job *late = NULL, **end = &late;
  for (struct job *job = serving->first, *next; job != NULL; job = next) {
    next = job->next;
    if (job->deadline_at > now) continue;
    *end = unlink_job(serving, job);
    end = &(*end)->next;
  }
  return late;
}

static bool run(struct serving *serving) {
  if (serving->first == NULL) return false;
  for (struct job *job = take_late(serving), *next; job != NULL; job = next) {
    next = job->next;
    set_call_deadline(job->frame, 0);  // so that JavaScript refuses it
    give_up(serving, job);
  }
  if (serving->first != NULL) run_batch(serving, take(serving));
  return serving->first != NULL;
}

bool servings_run(struct serving *first) {
  bool waits = false;
  for (struct serving *serving = first, *next; serving != NULL; serving = next) {
    next = serving->next;
    waits |= run(serving);
  }
  return waits;
}
