#include "exchange.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "../system/pool.h"

// Whether answers can be read from the wire. Not in the middle of a frame that JavaScript gets.
static bool is_readable(const struct wire *wire) {
  return !wire->is_closed && !wire->ending && !wire->has_ended && wire->error == 0 && wire->passing == 0;
}

// Whether a frame can be exchanged over the wire now: it is open and in the middle of nothing.
static bool is_idle(const struct wire *wire) {
  return is_readable(wire) && wire->held == 0 && wire_unsent(wire) == 0;
}

static bool send_frame(struct exchange_frame *frame, const float *x, size_t hidden) {
  struct run_call call = frame->call;
  const size_t row_bytes = hidden * sizeof *x;
  call.rows_bytes = frame->rows * row_bytes;
  const size_t head = call_head_bytes(call.model_bytes, call.asks), bytes = head + call.rows_bytes;
  if (bytes > UINT32_MAX || bytes > frame->wire->most_unsent) return false;
  uint8_t *const memory = wires_scratch(frame->wire->of, bytes);
  if (memory == NULL) return false;
  uint8_t *pairs = write_call_head(memory, &call);
  for (size_t i = 0; i < 2 * call.asks; i++) {
    const uint16_t part = (uint16_t)frame->asks[i];
    memcpy(pairs + 2 * i, &part, sizeof part);
  }
  for (size_t i = 0; i < frame->rows; i++) {
    memcpy(memory + head + i * row_bytes, x + (size_t)frame->row_of[i] * hidden, row_bytes);
  }
  return wire_write(frame->wire, memory, bytes);
}

static struct exchange_frame *find(struct exchange_frame *frames, size_t count, const struct wire *wire, uint32_t id) {
  for (size_t i = 0; i < count; i++) {
    if (frames[i].wire == wire && frames[i].call.id == id && frames[i].is_sent && !frames[i].is_answered) return &frames[i];
  }
  return NULL;
}

// Takes the answers out of what the wire has received. Returns false if something else is there, as soon as the first bytes show it:
// a peer must not make this thread wait for bytes that are no answer, or hold them.
static bool take_answers(struct wire *wire, struct exchange_frame *frames, size_t count, size_t hidden, size_t *answered) {
  while (wire->held >= FRAME_HEADER) {
    const size_t bytes = frame_bytes(wire->in);
    if (bytes < ANSWER_HEAD) return false;
    if (wire->held < ANSWER_PREFIX) break;
    if (!begins_answer(wire->in)) return false;
    struct exchange_frame *frame = find(frames, count, wire, answer_id(wire->in));
    if (frame == NULL || bytes != ANSWER_HEAD + frame->call.asks * hidden * sizeof(float)) return false;
    if (wire->held < bytes) return wire_reserve(wire, bytes);
    size_t rows_bytes;
    const uint8_t *rows = read_answer(wire->in, bytes, &rows_bytes);
    if (rows == NULL || !all_finite(rows, rows_bytes)) return false;
    memcpy(frame->answers, rows, rows_bytes);
    frame->is_answered = true;
    ++*answered;
    wire_consume(wire, bytes);
  }
  return true;
}

static bool waits_on(const struct exchange_frame *frames, size_t count, const struct wire *wire) {
  for (size_t i = 0; i < count; i++) {
    if (frames[i].wire == wire && frames[i].is_sent && !frames[i].is_answered) return true;
  }
  return false;
}

// The wires that an answer is missing from, each once. The first is the one that will probably be answered last: it has the most work.
static size_t list_waits(const struct exchange_frame *frames, size_t count, struct wire **wires) {
  size_t listed = 0, most = 0;
  for (size_t i = 0; i < count; i++) {
    if (!frames[i].is_sent || frames[i].is_answered) continue;
    struct wire *wire = frames[i].wire;
    size_t at = 0;
    while (at < listed && wires[at] != wire) at++;
    if (at == listed) wires[listed++] = wire;
    if (frames[i].call.asks <= most) continue;
    most = frames[i].call.asks;
    wires[at] = wires[0];
    wires[0] = wire;
  }
  return listed;
}

static int sleep_until_ready(const struct wire *wire, uint64_t left_ns) {
  struct pollfd poll_of = {.fd = wire->file, .events = POLLIN};
#ifdef __linux__
  const struct timespec left = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
  return ppoll(&poll_of, 1, &left, NULL);
#else
  return poll(&poll_of, 1, (int)((left_ns + 999999) / 1000000));
#endif
}

// Reads one wire. Returns false if JavaScript must look at it.
static bool read_wire(struct wire *wire, struct exchange_frame *frames, size_t count, size_t hidden, size_t *answered) {
  while (wire_receive(wire)) {
    if (!take_answers(wire, frames, count, hidden, answered)) return false;
    if (!waits_on(frames, count, wire)) return true;
  }
  return !wire->has_ended && wire->error == 0;
}

size_t exchange(struct exchange_frame *frames, size_t count, const float *x, size_t hidden, uint32_t wait_us, double *waited_us) {
  size_t sent = 0, answered = 0;
  bool can_send[MOST_EXCHANGED];
  for (size_t i = 0; i < count; i++) can_send[i] = !frames[i].is_sent && is_idle(frames[i].wire);
  for (size_t i = 0; i < count; i++) {
    if (can_send[i]) frames[i].is_sent = send_frame(&frames[i], x, hidden);
    sent += frames[i].is_sent;
    answered += frames[i].is_answered;
  }
  struct wire *wires[MOST_EXCHANGED];
  const uint64_t end = uv_hrtime() + (uint64_t)wait_us * 1000;
  bool goes_on = true;
  *waited_us = 0;
  if (count > 1) pool_rest();
  while (goes_on && answered < sent) {
    const size_t listed = list_waits(frames, count, wires);
    for (size_t i = 0; i < listed; i++) {
      // libuv sends the rest of a frame that the socket has not taken, and JavaScript sees all that is no answer.
      if (wire_unsent(wires[i]) > 0 || !is_readable(wires[i])) goes_on = false;
    }
    const uint64_t from = uv_hrtime();
    if (!goes_on || from >= end) break;
    // Each answer that wakes this thread takes a core from a shard on the same machine, so it sleeps until the last one has come.
    const int ready = sleep_until_ready(wires[0], end - from);
    if (ready < 0 && errno != EINTR) goes_on = false;
    *waited_us += (double)(uv_hrtime() - from) / 1e3;
    for (size_t i = 0; i < listed; i++) {
      if (!read_wire(wires[i], frames, count, hidden, &answered)) goes_on = false;
    }
  }
  for (size_t i = 0; i < count; i++) {
    struct wire *wire = frames[i].wire;
    if (wire->held == 0 && !wire->has_ended && wire->error == 0) continue;
    wire->has_leftover = true;
    wires_hurry(wire->of);
  }
  return answered;
}
