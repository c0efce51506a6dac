// The ranges are set while idle threads read them. A thread that sees parts of two settings prefetches the wrong bytes, which
// takes time but does no harm.
#include "warm.h"
#include <stdatomic.h>

enum {
  PIECE = 4096,
  LINE = 64,
  MOST_WARM = 4 << 20,  // more would push out what was brought in first
};

static struct {
  _Atomic(const char *) data;
  _Atomic size_t bytes;
} wanted[MOST_RANGES];
static _Atomic size_t wanted_count;
static _Atomic size_t total;  // bytes of all ranges
static _Atomic size_t next;   // first byte that no thread has taken, counted over all ranges

void warm_ranges(const struct memory_range *ranges, size_t count) {
  size_t bytes = 0;
  atomic_store(&total, 0);
  for (size_t i = 0; i < count; i++) {
    atomic_store(&wanted[i].data, ranges[i].data);
    atomic_store(&wanted[i].bytes, ranges[i].bytes);
    bytes += ranges[i].bytes;
  }
  atomic_store(&wanted_count, count);
  atomic_store(&next, 0);
  atomic_store(&total, bytes < MOST_WARM ? bytes : MOST_WARM);
}

bool warm_piece(void) {
  if (atomic_load_explicit(&next, memory_order_relaxed) >= atomic_load_explicit(&total, memory_order_relaxed)) {
    return false;
  }
  size_t at = atomic_fetch_add(&next, PIECE);
  const size_t count = atomic_load(&wanted_count);
  for (size_t i = 0; i < count; i++) {
    const size_t bytes = atomic_load(&wanted[i].bytes);
    if (at < bytes) {
      const char *data = atomic_load(&wanted[i].data);
      for (size_t line = at; line < at + PIECE && line < bytes; line += LINE) __builtin_prefetch(data + line);
      break;
    }
    at -= bytes;
  }
  return true;
}
