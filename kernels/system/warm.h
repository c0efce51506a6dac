// Memory that idle threads bring into the caches.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct memory_range {
  const void *data;
  size_t bytes;
};
enum { MOST_RANGES = 8 };

// Call under the pool's lock. Idle threads prefetch these ranges in order until the next call replaces them, but at most
// MOST_WARM bytes. The memory may be freed at any time, because a prefetch never faults.
void warm_ranges(const struct memory_range *ranges, size_t count);

// Prefetches one piece, which takes about a microsecond. Returns false if none is left.
bool warm_piece(void);
