// Plain TCP connections that libuv watches on a JavaScript thread's event loop. A wire sends bytes, and hands over the bytes
// that it receives. Whole frames that the fast path knows (frame.h) can be taken out before: calls by serve.h, answers by
// exchange.h. No function waits, except `exchange`.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct wire;
struct wires;
struct serving;
struct job;

struct wire_events {
  // Bytes of the stream, in order, cut anywhere. JavaScript runs, so any wire may be closed meanwhile. Returns false if the bytes are
  // lost. The wire is then closed.
  bool (*bytes)(struct wire *wire, const uint8_t *bytes, size_t count);
  // A whole frame that was taken out of the stream and could not be served after all. As above.
  bool (*frame)(struct wire *wire, const uint8_t *frame, size_t count);
  // Called once, when the connection has ended. `error` is an errno, or 0 if the peer or this side ended it.
  void (*closed)(struct wire *wire, int error);
  // The last call: nothing uses the wire any more.
  void (*freed)(struct wire *wire);
};

// All wires of one event loop.
struct wires {
  const struct wire_events *events;
  struct wire *first;
  struct serving *servings;  // run after the sockets were read (serve.h)
  uint8_t *scratch;          // for the frame that is being written
  size_t scratch_bytes;
  void (*stopped)(struct wires *wires);
  uv_check_t check;  // runs after the sockets were read
  uv_idle_t idle;    // while it is active, the loop does not wait
  int handles;       // of `check` and `idle`, those that are not closed yet
  bool hurries, stopping;
};

struct wire {
  uv_poll_t poll;
  struct wires *of;
  struct wire *next, *previous;
  void *owner;
  struct serving *serving;  // takes calls out of the stream; NULL until the caller is trusted, and when the wire is closed
  struct job *jobs;         // calls that were taken out and wait for their turn, newest first
  size_t running;           // calls that were taken out and are not answered yet
  int file;
  int watched;  // the events of `poll`
  int error;
  bool ending, is_shut, has_ended, is_closed, is_kept;
  bool has_leftover;  // `in` has bytes that must be handed over soon
  uint8_t *in;        // received bytes that were not handed over
  size_t capacity, held;
  uint8_t *other;  // memory that takes the place of `in` while its bytes are handed over
  size_t other_capacity;
  uint64_t passing;  // bytes of the current frame that will be handed over as they come
  uint8_t *out;      // bytes that the socket has not taken yet
  size_t out_capacity, out_from, out_to;
  size_t most_unsent;
  uint64_t received, sent;
};

void wires_start(struct wires *wires, uv_loop_t *loop, const struct wire_events *events);
// Closes every wire. `stopped` is called when libuv has let go of everything.
void wires_stop(struct wires *wires, void (*stopped)(struct wires *wires));
// Makes the loop come round once more without waiting.
void wires_hurry(struct wires *wires);

// Memory that stays until the next call. NULL if there is none.
uint8_t *wires_scratch(struct wires *wires, size_t bytes);

// Watches a duplicate of `file`, a connected socket that does not block. A wire with more than `most_unsent` bytes waiting is
// closed with ENOBUFS. Returns NULL and sets errno on failure.
struct wire *wire_open(struct wires *wires, int file, size_t most_unsent, void *owner);
// Sends or queues the bytes. Returns false if the wire takes no more bytes.
bool wire_write(struct wire *wire, const uint8_t *bytes, size_t count);
static inline size_t wire_unsent(const struct wire *wire) { return wire->out_to - wire->out_from; }
// Closes the sending side when everything is sent, and the wire when the peer has done so too. Drops the calls that wait for their turn.
void wire_end(struct wire *wire);
// Closes at once.
void wire_close(struct wire *wire, int error);
// The owner has let go of the wire. It is freed when it is closed.
void wire_release(struct wire *wire);

// Receives what is there, without waiting, to the end of `in`: at most READ_BYTES. Returns false if nothing came. Sets `has_ended` or `error`.
bool wire_receive(struct wire *wire);
// Makes room for a frame of `bytes` bytes, as far as its bytes have come. Returns false if there is no memory.
bool wire_reserve(struct wire *wire, size_t bytes);
// Forgets the first `count` bytes of `in`.
void wire_consume(struct wire *wire, size_t count);
