// The path for x86-64 CPUs that have AVX2, FMA and F16C (Haswell, Zen and later). This file is compiled with the flags for
// these instructions.
#include "../lanes/lanes-avx2.h"
#include "../lanes/tiles-avx2.h"

#define SCORE_PAIRS 2
#define VALUE_PAIRS 2
#define VALUE_LANES 2

static bool available(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

#define PATH path_avx2
#define PATH_NAME "avx2"
#define PREFETCHES true
#define PEAK peak
#include "path-table.h"
