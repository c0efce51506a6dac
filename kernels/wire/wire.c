#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "frame.h"
#include "serve.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0  // Node ignores SIGPIPE in any case
#endif

// Most bytes of one read. It bounds what is moved when a frame is taken from the start of the bytes.
enum { READ_BYTES = 65536 };
// Most memory that a wire keeps for bytes to come. Large frames get memory of their own.
enum { MOST_KEPT_BYTES = 4 << 20 };
// Reads of one wire before others have their turn.
enum { MOST_READS = 8 };

static void watch(struct wire *wire);

static bool reserve(uint8_t **bytes, size_t *capacity, size_t needed) {
  if (needed <= *capacity) return true;
  size_t larger = *capacity < READ_BYTES ? READ_BYTES : *capacity;
  while (larger < needed) larger *= 2;
  uint8_t *grown = realloc(*bytes, larger);
  if (grown == NULL) return false;
  *bytes = grown;
  *capacity = larger;
  return true;
}

bool wire_reserve(struct wire *wire, size_t bytes) {
  // Memory grows with the bytes that came, not with the announced length.
  const size_t grown = 2 * wire->held + READ_BYTES;
  return reserve(&wire->in, &wire->capacity, bytes < grown ? bytes : grown);
}

void wire_consume(struct wire *wire, size_t count) {
  wire->held -= count;
  memmove(wire->in, wire->in + count, wire->held);
}

bool wire_receive(struct wire *wire) {
  if (wire->capacity - wire->held < READ_BYTES / 2 && !wire_reserve(wire, wire->held + READ_BYTES)) {
    wire->error = ENOMEM;
    return false;
  }
  const size_t room = wire->capacity - wire->held;
  ssize_t count;
  do {
    count = recv(wire->file, wire->in + wire->held, room < READ_BYTES ? room : READ_BYTES, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    wire->held += (size_t)count;
    wire->received += (uint64_t)count;
    return true;
  }
  if (count == 0) wire->has_ended = true;
  else if (errno != EAGAIN && errno != EWOULDBLOCK) wire->error = errno;
  return false;
}

// Hands over the first bytes of `in`. Takes them out of the wire before, because JavaScript that waits for them may run at once and
// exchange frames over the same wire.
static void deliver(struct wire *wire, size_t count) {
  uint8_t *const bytes = wire->in;
  const size_t capacity = wire->capacity, rest = wire->held - count;
  wire->in = wire->other;
  wire->capacity = wire->other_capacity;
  wire->held = 0;
  wire->other = NULL;
  wire->other_capacity = 0;
  if (rest > 0 && !reserve(&wire->in, &wire->capacity, rest)) {
    wire_close(wire, ENOMEM);
  } else if (rest > 0) {
    memcpy(wire->in, bytes + count, rest);
    wire->held = rest;
  }
  if (!wire->of->events->bytes(wire, bytes, count)) wire_close(wire, ENOMEM);
  if (wire->other == NULL && capacity <= MOST_KEPT_BYTES) {
    wire->other = bytes;
    wire->other_capacity = capacity;
  } else {
    free(bytes);
  }
}

// Whether the bytes at the start of `in` may be a call that the fast path takes. `waits`: more bytes must come first.
static bool may_be_call(struct wire *wire, size_t *waits_for) {
  const size_t whole = wire->held < FRAME_HEADER ? 0 : frame_bytes(wire->in);
  *waits_for = wire->held < FRAME_HEADER ? FRAME_HEADER : CALL_PREFIX;
  if (wire->held < FRAME_HEADER) return true;
  if (wire->serving == NULL || whole < CALL_PREFIX || whole > serving_frame_bytes(wire->serving)) return false;
  if (wire->held < CALL_PREFIX) return true;
  *waits_for = whole;
  return begins_call(wire->in);
}

// Hands over what is in `in`: calls to the fast path, everything else to the owner. Keeps what must wait for more bytes.
static void cut(struct wire *wire) {
  wire->has_leftover = false;
  while (wire->held > 0 && !wire->is_closed) {
    if (wire->passing > 0) {
      const size_t count = wire->held < wire->passing ? wire->held : (size_t)wire->passing;
      wire->passing -= count;
      deliver(wire, count);
      continue;
    }
    size_t waits_for;
    if (!may_be_call(wire, &waits_for)) {
      wire->passing = frame_bytes(wire->in);
    } else if (wire->held < waits_for) {
      if (!wire_reserve(wire, waits_for)) wire_close(wire, ENOMEM);
      return;
    } else if (!serve_call(wire->serving, wire, waits_for)) {
      wire->passing = waits_for;
    }
  }
  if (wire->held == 0 && wire->capacity > MOST_KEPT_BYTES) {
    free(wire->in);
    wire->in = NULL;
    wire->capacity = 0;
  }
}

static void end_if_done(struct wire *wire) {
  if (wire->is_closed) return;
  if (wire->error != 0) {
    wire_close(wire, wire->error);
  } else if (wire_unsent(wire) == 0 && wire->has_ended) {
    wire_close(wire, 0);
  } else if (wire_unsent(wire) == 0 && wire->ending && !wire->is_shut) {
    wire->is_shut = true;
    shutdown(wire->file, SHUT_WR);
  }
}

static void flush(struct wire *wire) {
  while (wire_unsent(wire) > 0) {
    const ssize_t count = send(wire->file, wire->out + wire->out_from, wire_unsent(wire), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) wire->error = errno;
      return;
    }
    wire->out_from += (size_t)count;
    wire->sent += (uint64_t)count;
  }
  wire->out_from = wire->out_to = 0;
}

static void on_events(uv_poll_t *poll, int status, int events) {
  struct wire *wire = (struct wire *)poll;
  // libuv stops watching a socket with an error. The error shows in recv, behind the bytes that came before it.
  if (status < 0) wire->watched = 0;
  if (events & UV_WRITABLE) flush(wire);
  for (int reads = 0; reads < MOST_READS && !wire->is_closed && wire_receive(wire); reads++) cut(wire);
  if (wire->is_closed) return;
  end_if_done(wire);
  watch(wire);
}

static void watch(struct wire *wire) {
  if (wire->is_closed) return;
  const int reads = wire->has_ended ? 0 : UV_READABLE, writes = wire_unsent(wire) > 0 ? UV_WRITABLE : 0;
  if (wire->watched == (reads | writes)) return;
  wire->watched = reads | writes;
  const int status = wire->watched == 0 ? uv_poll_stop(&wire->poll) : uv_poll_start(&wire->poll, wire->watched, on_events);
  if (status != 0) wire_close(wire, -status);
}

bool wire_write(struct wire *wire, const uint8_t *bytes, size_t count) {
  if (wire->is_closed || wire->ending || wire->error != 0) return false;
  if (wire_unsent(wire) == 0) {
    ssize_t taken;
    do {
      taken = send(wire->file, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (taken < 0 && errno == EINTR);
    if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      wire->error = errno;
      wires_hurry(wire->of);
      return false;
    }
    if (taken > 0) {
      wire->sent += (uint64_t)taken;
      bytes += taken;
      count -= (size_t)taken;
    }
    if (count == 0) return true;
  }
  if (wire->out_from > 0) {
    memmove(wire->out, wire->out + wire->out_from, wire_unsent(wire));
    wire->out_to -= wire->out_from;
    wire->out_from = 0;
  }
  if (wire->out_to + count > wire->most_unsent) wire->error = ENOBUFS;
  else if (!reserve(&wire->out, &wire->out_capacity, wire->out_to + count)) wire->error = ENOMEM;
  if (wire->error != 0) {
    wires_hurry(wire->of);
    return false;
  }
  memcpy(wire->out + wire->out_to, bytes, count);
  wire->out_to += count;
  watch(wire);
  return true;
}

void wire_end(struct wire *wire) {
  if (wire->is_closed || wire->ending) return;
  wire->ending = true;
  if (wire->serving != NULL) serving_forget(wire->serving, wire);
  end_if_done(wire);
}

// The wire itself lives on until JavaScript's garbage collector lets go of it, which may be long after that.
static void free_buffers(struct wire *wire) {
  free(wire->in);
  free(wire->other);
  free(wire->out);
  wire->in = wire->other = wire->out = NULL;
  wire->capacity = wire->held = wire->other_capacity = 0;
  wire->out_capacity = wire->out_from = wire->out_to = 0;
}

static void stop_if_done(struct wires *wires) {
  if (!wires->stopping || wires->first != NULL || wires->handles > 0) return;
  free(wires->scratch);
  wires->stopped(wires);
}

static void on_closed(uv_handle_t *handle) {
  struct wire *wire = (struct wire *)handle;
  close(wire->file);
  wire->file = -1;
  struct wires *wires = wire->of;
  wires->events->closed(wire, wire->error);
  if (wire->previous != NULL) wire->previous->next = wire->next;
  else wires->first = wire->next;
  if (wire->next != NULL) wire->next->previous = wire->previous;
  wires->events->freed(wire);
  free_buffers(wire);
  wire->file = -2;  // `wire_release` may free it from now on
  if (!wire->is_kept) free(wire);
  stop_if_done(wires);
}

void wire_release(struct wire *wire) {
  wire->is_kept = false;
  if (wire->file == -2) free(wire);
}

void wire_close(struct wire *wire, int error) {
  if (wire->is_closed) return;
  wire->is_closed = true;
  wire->error = error;
  if (wire->serving != NULL) serving_forget(wire->serving, wire);
  wire->serving = NULL;
  uv_close((uv_handle_t *)&wire->poll, on_closed);
}

struct wire *wire_open(struct wires *wires, int file, size_t most_unsent, void *owner) {
  struct wire *wire = calloc(1, sizeof *wire);
  if (wire == NULL) return NULL;
  wire->file = fcntl(file, F_DUPFD_CLOEXEC, 0);
  const int status = wire->file < 0 ? -errno : uv_poll_init(wires->check.loop, &wire->poll, wire->file);
  if (status != 0) {
    if (wire->file >= 0) close(wire->file);
    free(wire);
    errno = -status;
    return NULL;
  }
  wire->of = wires;
  wire->owner = owner;
  wire->is_kept = true;
  wire->most_unsent = most_unsent;
  wire->next = wires->first;
  if (wire->next != NULL) wire->next->previous = wire;
  wires->first = wire;
  watch(wire);
  return wire;
}

static void on_read(uv_check_t *check) {
  struct wires *wires = check->data;
  if (wires->hurries) {
    wires->hurries = false;
    uv_idle_stop(&wires->idle);
    for (struct wire *wire = wires->first; wire != NULL; wire = wire->next) {
      if (wire->has_leftover && !wire->is_closed) cut(wire);
      if (wire->error != 0 || wire->has_ended) end_if_done(wire);
    }
  }
  if (servings_run(wires->servings)) wires_hurry(wires);
}

static void on_idle(uv_idle_t *idle) { (void)idle; }

uint8_t *wires_scratch(struct wires *wires, size_t bytes) {
  return reserve(&wires->scratch, &wires->scratch_bytes, bytes) ? wires->scratch : NULL;
}

void wires_hurry(struct wires *wires) {
  if (wires->hurries || wires->stopping) return;
  wires->hurries = true;
  uv_idle_start(&wires->idle, on_idle);
}

void wires_start(struct wires *wires, uv_loop_t *loop, const struct wire_events *events) {
  memset(wires, 0, sizeof *wires);
  wires->events = events;
  uv_check_init(loop, &wires->check);
  uv_idle_init(loop, &wires->idle);
  wires->check.data = wires;
  wires->idle.data = wires;
  wires->handles = 2;
  uv_check_start(&wires->check, on_read);
  uv_unref((uv_handle_t *)&wires->check);
  uv_unref((uv_handle_t *)&wires->idle);
}

static void on_stopped(uv_handle_t *handle) {
  struct wires *wires = handle->data;
  wires->handles--;
  stop_if_done(wires);
}

void wires_stop(struct wires *wires, void (*stopped)(struct wires *wires)) {
  wires->stopping = true;
  wires->stopped = stopped;
  servings_detach(wires->servings);
  for (struct wire *wire = wires->first; wire != NULL; wire = wire->next) wire_close(wire, 0);
  uv_close((uv_handle_t *)&wires->check, on_stopped);
  uv_close((uv_handle_t *)&wires->idle, on_stopped);
}
