// Functions of wires: open, write, end and close, and the exchange of a hop's frames. Events go to methods of the object that was given
// to openWire.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include "addon.h"
#include "wires.h"
#include "../wire/exchange.h"
#include "../wire/serve.h"

struct thread {
  struct wires wires;  // first: events get its address
  napi_env env;
  napi_async_cleanup_hook_handle hook;
};

struct owner {
  napi_env env;
  napi_ref events;
};

static void report_pending(napi_env env) {
  bool is_pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &is_pending) != napi_ok || !is_pending) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

// Calls a method of the wire's events. `bytes` NULL: with `text`, or undefined. Returns false if it could not be called.
static bool emit(struct wire *wire, const char *method, const uint8_t *bytes, size_t count, const char *text) {
  struct owner *owner = wire->owner;
  napi_env env = owner->env;
  napi_handle_scope scope;
  napi_value events, function, argument, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  bool ready = napi_get_reference_value(env, owner->events, &events) == napi_ok &&
               napi_get_named_property(env, events, method, &function) == napi_ok;
  if (ready && bytes != NULL) ready = napi_create_buffer_copy(env, count, bytes, NULL, &argument) == napi_ok;
  else if (ready && text != NULL) ready = napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &argument) == napi_ok;
  else if (ready) ready = napi_get_undefined(env, &argument) == napi_ok;
  if (ready) napi_make_callback(env, NULL, events, function, 1, &argument, &result);
  report_pending(env);
  napi_close_handle_scope(env, scope);
  return ready;
}

static bool on_bytes(struct wire *wire, const uint8_t *bytes, size_t count) {
  return emit(wire, "onBytes", bytes, count, NULL);
}

static bool on_frame(struct wire *wire, const uint8_t *bytes, size_t count) {
  return emit(wire, "onFrame", bytes, count, NULL);
}

static void on_closed(struct wire *wire, int error) {
  emit(wire, "onClosed", NULL, 0, error == 0 ? NULL : uv_err_name(-error));
}

static void on_freed(struct wire *wire) {
  struct owner *owner = wire->owner;
  napi_delete_reference(owner->env, owner->events);
  free(owner);
}

static const struct wire_events events = {on_bytes, on_frame, on_closed, on_freed};

static void on_stopped(struct wires *wires) {
  struct thread *thread = (struct thread *)wires;
  napi_remove_async_cleanup_hook(thread->hook);
  free(thread);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct thread *thread = data;
  wires_stop(&thread->wires, on_stopped);
}

struct wires *wires_of(napi_env env) {
  void *known = NULL;
  if (napi_get_instance_data(env, &known) == napi_ok && known != NULL) return known;
  uv_loop_t *loop;
  struct thread *thread = calloc(1, sizeof *thread);
  if (thread == NULL) {
    fail_memory(env);
    return NULL;
  }
  thread->env = env;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_cleanup, thread, &thread->hook) != napi_ok) {
    free(thread);
    napi_throw_error(env, NULL, "this thread has no event loop");
    return NULL;
  }
  wires_start(&thread->wires, loop, &events);
  napi_set_instance_data(env, thread, NULL, NULL);
  return &thread->wires;
}

static void release_wire(void *wire) { wire_release(wire); }

static napi_value open_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_valuetype type;
  size_t file, most_unsent;
  if (!read_arguments(env, info, 3, arguments) || !read_count(env, arguments[0], "file", 0, 1 << 30, &file) ||
      !read_count(env, arguments[1], "mostUnsent", 1, SIZE_MAX >> 12, &most_unsent) ||
      napi_typeof(env, arguments[2], &type) != napi_ok) {
    return NULL;
  }
  if (type != napi_object) {
    fail_type(env, "events", "an object");
    return NULL;
  }
  struct wires *wires = wires_of(env);
  if (wires == NULL) return NULL;
  struct owner *owner = malloc(sizeof *owner);
  if (owner == NULL) {
    fail_memory(env);
    return NULL;
  }
  owner->env = env;
  if (napi_create_reference(env, arguments[2], 1, &owner->events) != napi_ok) {
    free(owner);
    return NULL;
  }
  struct wire *wire = wire_open(wires, (int)file, most_unsent, owner);
  if (wire == NULL) {
    napi_delete_reference(env, owner->events);
    free(owner);
    return NULL;
  }
  return wrap_handle(env, HANDLE_WIRE, wire, 0, release_wire);
}

static struct wire *read_wire(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *wire;
  if (!read_arguments(env, info, count, arguments) || !read_handle(env, arguments[0], HANDLE_WIRE, "wire", &wire)) return NULL;
  return wire;
}

static napi_value write_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2], value = NULL;
  struct wire *wire = read_wire(env, info, 2, arguments);
  struct array bytes;
  if (wire == NULL || !read_array(env, arguments[1], napi_uint8_array, "bytes", &bytes)) return NULL;
  napi_get_boolean(env, bytes.length == 0 || wire_write(wire, bytes.data, bytes.length), &value);
  return value;
}

static napi_value end_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct wire *wire = read_wire(env, info, 1, arguments);
  if (wire != NULL) wire_end(wire);
  return NULL;
}

static napi_value close_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct wire *wire = read_wire(env, info, 1, arguments);
  if (wire != NULL) wire_close(wire, 0);
  return NULL;
}

static napi_value traffic_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct wire *wire = read_wire(env, info, 2, arguments);
  struct array out;
  if (wire == NULL || !read_array(env, arguments[1], napi_float64_array, "out", &out) || !check_length(env, &out, 2, 1)) {
    return NULL;
  }
  ((double *)out.data)[0] = (double)wire->received;
  ((double *)out.data)[1] = (double)wire->sent;
  return NULL;
}

static napi_value serve_wire_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct wire *wire = read_wire(env, info, 2, arguments);
  void *serving;
  if (wire == NULL || !read_handle(env, arguments[1], HANDLE_SERVING, "serving", &serving)) return NULL;
  if (wire->serving != NULL && wire->serving != serving) fail_range(env, "wire is served by another serving");
  else if (!wire->is_closed) wire->serving = serving;
  return NULL;
}

static napi_value has_call_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2], value = NULL;
  struct wire *wire = read_wire(env, info, 2, arguments);
  size_t id;
  if (wire == NULL || !read_count(env, arguments[1], "id", 0, UINT32_MAX, &id)) return NULL;
  napi_get_boolean(env, wire_has_call(wire, (uint32_t)id), &value);
  return value;
}

static napi_value cancel_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[2], value = NULL;
  struct wire *wire = read_wire(env, info, 2, arguments);
  size_t id;
  if (wire == NULL || !read_count(env, arguments[1], "id", 0, UINT32_MAX, &id)) return NULL;
  napi_get_boolean(env, wire->serving != NULL && serving_cancel(wire->serving, wire, (uint32_t)id), &value);
  return value;
}

// The head of a frame in the plan of an exchange; its rows and its pairs (index of a row, expert) follow.
enum { PLAN_ID, PLAN_PRIORITY, PLAN_DEADLINE, PLAN_ROWS, PLAN_ASKS, PLAN_STATE, PLAN_HEAD };

static bool plan_frame(napi_env env, const struct array *plan, size_t *at, size_t x_rows, struct exchange_frame *frame) {
  if (plan->length - *at < PLAN_HEAD) return fail_range(env, "plan ends inside a frame");
  const int32_t *head = (const int32_t *)plan->data + *at;
  const size_t rows = (size_t)(uint32_t)head[PLAN_ROWS], asks = (size_t)(uint32_t)head[PLAN_ASKS];
  if (rows < 1 || asks < 1 || rows > 65536 || asks > 65536 || plan->length - *at - PLAN_HEAD < rows + 2 * asks) {
    return fail_range(env, "plan: a frame of %zu rows and %zu asks does not fit", rows, asks);
  }
  if (head[PLAN_DEADLINE] < 0) return fail_range(env, "plan: a deadline of %d ms", head[PLAN_DEADLINE]);
  frame->call.id = (uint32_t)head[PLAN_ID];
  frame->call.priority = head[PLAN_PRIORITY] != 0;
  frame->call.deadline_ms = (uint32_t)head[PLAN_DEADLINE];
  frame->call.asks = asks;
  frame->is_sent = head[PLAN_STATE] >= 1;
  frame->is_answered = head[PLAN_STATE] == 2;
  frame->rows = rows;
  frame->row_of = head + PLAN_HEAD;
  frame->asks = frame->row_of + rows;
  for (size_t i = 0; i < rows; i++) {
    if (frame->row_of[i] < 0 || (size_t)frame->row_of[i] >= x_rows) return fail_range(env, "plan: row %d is not in x", frame->row_of[i]);
  }
  for (size_t i = 0; i < asks; i++) {
    const int32_t row = frame->asks[2 * i], expert = frame->asks[2 * i + 1];
    if (row < 0 || (size_t)row >= rows || expert < 0 || expert > UINT16_MAX) {
      return fail_range(env, "plan: the pair (%d, %d) does not fit a frame of %zu rows", row, expert, rows);
    }
  }
  *at += PLAN_HEAD + rows + 2 * asks;
  return true;
}

// exchange(wires, plan, x, hidden, layer, epoch, model, answers, waitMicroseconds): microseconds that the thread slept
static napi_value exchange_entry(napi_env env, napi_callback_info info) {
  napi_value arguments[9], value = NULL;
  struct array plan, x, answers;
  struct exchange_frame frames[MOST_EXCHANGED];
  size_t count, hidden, layer, epoch, wait_us, model_bytes, at = 0, asks = 0;
  char model[MOST_MODEL_BYTES + 1];
  if (!read_arguments(env, info, 9, arguments) || !read_list(env, arguments[0], "wires", MOST_EXCHANGED, &count) ||
      !read_integers(env, arguments[1], "plan", &plan) || !read_floats(env, arguments[2], "x", &x) ||
      !read_count(env, arguments[3], "hidden", 1, MOST_WIDTH, &hidden) ||
      !read_count(env, arguments[4], "layer", 0, 65535, &layer) ||
      !read_count(env, arguments[5], "epoch", 0, ((size_t)1 << 53) - 1, &epoch) ||
      !read_short_text(env, arguments[6], "model", model, sizeof model, &model_bytes) ||
      !read_floats(env, arguments[7], "answers", &answers) ||
      !read_count(env, arguments[8], "waitMicroseconds", 0, 10000000, &wait_us) ||
      !check_apart(env, &answers, &plan) || !check_apart(env, &answers, &x)) {
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    napi_value element;
    void *wire;
    if (napi_get_element(env, arguments[0], (uint32_t)i, &element) != napi_ok ||
        !read_handle(env, element, HANDLE_WIRE, "every element of wires", &wire)) {
      return NULL;
    }
    frames[i] = (struct exchange_frame){.wire = wire};
    if (!plan_frame(env, &plan, &at, x.length / hidden, &frames[i])) return NULL;
    frames[i].call.model = (const uint8_t *)model;
    frames[i].call.model_bytes = model_bytes;
    frames[i].call.layer = (uint16_t)layer;
    frames[i].call.epoch = epoch;
    asks += frames[i].call.asks;
  }
  if (!check_length(env, &answers, asks, hidden)) return NULL;
  float *answer = answers.data;
  for (size_t i = 0; i < count; i++) {
    frames[i].answers = answer;
    answer += frames[i].call.asks * hidden;
  }
  double waited_us;
  exchange(frames, count, x.data, hidden, (uint32_t)wait_us, &waited_us);
  for (size_t i = 0; i < count; i++) {
    ((int32_t *)frames[i].row_of)[PLAN_STATE - PLAN_HEAD] = frames[i].is_answered ? 2 : frames[i].is_sent ? 1 : 0;
  }
  napi_create_double(env, waited_us, &value);
  return value;
}

bool add_wire_entries(napi_env env, napi_value exports) {
  static const struct entry entries[] = {
      {"openWire", open_entry},   {"writeWire", write_entry},     {"endWire", end_entry},       {"closeWire", close_entry},
      {"traffic", traffic_entry}, {"serveWire", serve_wire_entry}, {"cancelServed", cancel_entry}, {"exchange", exchange_entry},
      {"hasServed", has_call_entry},
  };
  return add_entries(env, exports, entries, sizeof entries / sizeof *entries);
}
