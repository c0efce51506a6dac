// A file that is mapped read-only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
  const uint8_t *data;
  size_t bytes;
  size_t uses;  // handles that point here; the last one unmaps
};

// NULL with errno set. An empty file is refused (EINVAL).
struct map *map_open(const char *path);
void map_release(struct map *map);

enum map_advice { ADVICE_WILLNEED, ADVICE_POPULATE, ADVICE_RANDOM, ADVICE_NORMAL, ADVICE_HUGE };
// Advises about a range inside the file. False with errno set on failure.
bool map_advise(const struct map *map, size_t offset, size_t bytes, enum map_advice advice);
// How many bytes of a range are in memory, in whole pages. SIZE_MAX with errno set on failure.
size_t map_resident(const struct map *map, size_t offset, size_t bytes);
