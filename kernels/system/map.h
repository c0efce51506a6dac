// A file that is mapped read-only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
  const uint8_t *data;
  size_t bytes;
  size_t uses;  // number of handles and matrices that use the map; releasing the last one unmaps the file
};

// Returns NULL and sets errno on failure. An empty file is refused (EINVAL).
struct map *map_open(const char *path);
void map_release(struct map *map);

enum map_advice { ADVICE_WILLNEED, ADVICE_POPULATE, ADVICE_RANDOM, ADVICE_NORMAL, ADVICE_HUGE };
// Gives the system advice about a range inside the file. Returns false and sets errno on failure.
bool map_advise(const struct map *map, size_t offset, size_t bytes, enum map_advice advice);
// Number of bytes of the range that are in memory, in whole pages. Returns SIZE_MAX and sets errno on failure.
size_t map_resident(const struct map *map, size_t offset, size_t bytes);
// Removes a range of memory from all caches of the processor. Returns false if this kind of processor has no instruction for it.
bool map_evict(const void *data, size_t bytes);
