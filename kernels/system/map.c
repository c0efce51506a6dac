// Maps a file read-only and shared, so that all processes use the same copy in the page cache.
//
// The size is read once. If a mapped file is truncated later, the processes that read it die of SIGBUS, and bus.c names the
// file. So a bundle must be replaced by writing a new file and renaming it, never in place.
#include "map.h"
#include "bus.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct map *map_open(const char *path) {
  struct map *map = malloc(sizeof *map);
  if (map == NULL) return NULL;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    free(map);
    return NULL;
  }
  struct stat status;
  void *data = MAP_FAILED;
  if (fstat(file, &status) == 0) {
    if (S_ISREG(status.st_mode)) data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    else errno = EINVAL;
  }
  const int reason = errno;
  close(file);
  if (data == MAP_FAILED) {
    free(map);
    errno = reason;
    return NULL;
  }
  map->data = data;
  map->bytes = (size_t)status.st_size;
  map->uses = 1;
  bus_watch(data, map->bytes, path);
  return map;
}

void map_release(struct map *map) {
  if (--map->uses > 0) return;
  bus_forget(map->data);
  munmap((void *)map->data, map->bytes);
  free(map);
}

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

bool map_advise(const struct map *map, size_t offset, size_t bytes, enum map_advice advice) {
  const size_t before = offset % page_bytes();
  void *start = (void *)(map->data + offset - before);
  const size_t length = bytes + before;
  switch (advice) {
    case ADVICE_WILLNEED: return madvise(start, length, MADV_WILLNEED) == 0;
    case ADVICE_RANDOM: return madvise(start, length, MADV_RANDOM) == 0;
    case ADVICE_NORMAL: return madvise(start, length, MADV_NORMAL) == 0;
    case ADVICE_HUGE:
#if defined(MADV_HUGEPAGE)
      // File systems without large pages refuse this, which does no harm.
      madvise(start, length, MADV_HUGEPAGE);
#endif
      return true;
    case ADVICE_POPULATE: break;
  }
#if defined(MADV_POPULATE_READ)
  if (madvise(start, length, MADV_POPULATE_READ) == 0) return true;
#endif
  // For Linux before 5.14, reading a byte of every page does the same.
  volatile uint8_t sink = 0;
  for (size_t at = 0; at < length; at += page_bytes()) sink ^= ((const uint8_t *)start)[at];
  return true;
}

size_t map_resident(const struct map *map, size_t offset, size_t bytes) {
  const size_t page = page_bytes(), before = offset % page;
  const size_t pages = (bytes + before + page - 1) / page;
  unsigned char flags[4096];
  size_t resident = 0;
  for (size_t done = 0; done < pages; done += sizeof flags) {
    const size_t count = pages - done < sizeof flags ? pages - done : sizeof flags;
    void *start = (void *)(map->data + offset - before + done * page);
#if defined(__APPLE__)
    if (mincore(start, count * page, (char *)flags) != 0) return SIZE_MAX;
#else
    if (mincore(start, count * page, flags) != 0) return SIZE_MAX;
#endif
    for (size_t i = 0; i < count; i++) resident += flags[i] & 1 ? page : 0;
  }
  return resident;
}

bool map_evict(const void *data, size_t bytes) {
#if defined(__x86_64__)
  // Every x86-64 processor has clflush.
  for (size_t at = 0; at < bytes; at += 64) __builtin_ia32_clflush((const char *)data + at);
  if (bytes > 0) __builtin_ia32_clflush((const char *)data + bytes - 1);
  __builtin_ia32_mfence();
  return true;
#else
  (void)data;
  (void)bytes;
  return false;
#endif
}
