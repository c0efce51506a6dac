// Prefetches weights in the way that suits the machine.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The caches that a prefetch fills: none (no prefetch), all, all but the first level, all but the first two levels, or the
// first level alone. kernels.ts has the same order.
enum hint { HINT_NONE, HINT_T0, HINT_T1, HINT_T2, HINT_NTA, HINTS };

// Changes the speed of products, and no bit of a result. Written under the pool's lock, and read by the tasks of a job.
struct prefetch {
  enum hint hint;
  size_t ahead;  // bytes from the current tile to the prefetched one
};
extern struct prefetch prefetch;

// `tile` may lie beyond the matrix, because a prefetch never faults.
static inline __attribute__((always_inline)) void prefetch_tile(enum hint hint, const uint8_t *tile, int bytes) {
  switch (hint) {
#define HINT(name, locality)                                                                   \
  case name:                                                                                   \
    for (int line = 0; line < bytes; line += 64) __builtin_prefetch(tile + line, 0, locality); \
    break;
    HINT(HINT_T0, 3) HINT(HINT_T1, 2) HINT(HINT_T2, 1) HINT(HINT_NTA, 0)
#undef HINT
    default: break;
  }
}
