// Answers `expert.run` calls without JavaScript: checks each call, joins those that wait for the same layer, runs the experts,
// and writes the answers. A call that needs anything else is left to JavaScript, as if this file did not exist. The rules are
// those of experts/service.ts and experts/queue.ts, which serve all other calls.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../math/product.h"
#include "wire.h"

struct served_model {
  uint8_t identity[256];
  size_t identity_bytes;
  size_t layers, experts, hidden;
  size_t inner;  // of every unit, because one run computes several; 0 before the first unit
  size_t most_rows, most_asks;   // of one call
  const struct expert **units;  // [layers, experts]; NULL: JavaScript serves the unit
  bool *is_open;                // [layers, experts]; false: new calls of the unit are left to JavaScript
};

enum { MOST_SERVED_MODELS = 16 };

// What JavaScript reads and writes. Doubles, so that one Float64Array can show it.
struct serving_counts {
  double queued_calls, queued_asks;  // of the fast path
  double next_ticket;                // calls get ascending tickets
  double answered;
  double samples;  // doubles in `serving_samples` that were not read yet
};

// One run of a layer: calls, asks of decode rows, asks of prefill rows, experts, milliseconds, then the milliseconds that each
// call waited.
enum { SAMPLE_HEAD = 5, SAMPLES = 65536 };

struct serving;

struct serving_limits {
  size_t batch_asks, queued_asks, running_calls, frame_bytes;
  int passed_over;
};

struct serving *serving_create(struct wires *wires, const struct serving_limits *limits);
void serving_free(struct serving *serving);
// The event loop ends: no serving of the list may use `wires` any more.
void servings_detach(struct serving *first);
// Copies `model`, and makes its `units` and `is_open`. Returns the model's number, or -1 if there are too many models or no memory.
int serving_add(struct serving *serving, const struct served_model *model);
struct served_model *serving_model(struct serving *serving, int model);
// From now on, JavaScript gets every new call. Queued calls are still answered.
void serving_stop(struct serving *serving);
size_t serving_frame_bytes(const struct serving *serving);
struct serving_counts *serving_counts(struct serving *serving);
// The ticket of the oldest queued call; the next call's ticket if there is none.
double serving_oldest_ticket(const struct serving *serving);
double *serving_samples(struct serving *serving);

// The frame, of `bytes` bytes, stands at the start of the wire's `in`. If it is taken, it is consumed.
bool serve_call(struct serving *serving, struct wire *wire, size_t bytes);
// Runs the calls whose turn it is, of each serving in the list. Returns true if others wait.
bool servings_run(struct serving *first);
// Whether a call of the wire with this id is queued.
bool wire_has_call(const struct wire *wire, uint32_t id);
// Drops a queued call; true if there was one. The caller of this function answers it.
bool serving_cancel(struct serving *serving, struct wire *wire, uint32_t id);
// Drops all queued calls of a wire.
void serving_forget(struct serving *serving, struct wire *wire);
