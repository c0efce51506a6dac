// Chooses the path of this CPU.
#include "path.h"
#include "../lanes/prefetch.h"
#include <stdatomic.h>
#include <string.h>

extern const struct path path_plain;
#if defined(__x86_64__)
extern const struct path path_avx512, path_avx2;
#elif defined(__aarch64__)
extern const struct path path_neon;
#endif

const struct path *const all_paths[] = {
#if defined(__x86_64__)
    &path_avx512, &path_avx2,
#elif defined(__aarch64__)
    &path_neon,
#endif
    &path_plain, NULL,
};

// On the machines that were measured, no hint is the fastest or within a few percent of it (docs/kernels.md).
struct prefetch prefetch = {HINT_NONE, 0};

static _Atomic(const struct path *) chosen;

const struct path *current_path(void) {
  const struct path *path = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (path != NULL) return path;
  size_t i = 0;
  while (!all_paths[i]->available()) i++;  // the last path, plain, is always available
  atomic_store(&chosen, all_paths[i]);
  return all_paths[i];
}

bool choose_path(const char *name) {
  for (size_t i = 0; all_paths[i] != NULL; i++) {
    if (strcmp(all_paths[i]->name, name) != 0 || !all_paths[i]->available()) continue;
    atomic_store(&chosen, all_paths[i]);
    return true;
  }
  return false;
}
