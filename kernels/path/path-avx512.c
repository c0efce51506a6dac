// The path for x86-64 CPUs that have AVX-512 with VNNI, its byte dot products (Ice Lake, Zen 4 and later).
// This file is compiled with the compiler flags for these instructions.
#include "../lanes/lanes-avx512.h"
#include "../lanes/tiles-avx512.h"

#define SCORE_PAIRS 8
#define VALUE_PAIRS 4
#define VALUE_LANES 6

static bool available(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

#define PATH path_avx512
#define PATH_NAME "avx512-vnni"
#define PREFETCHES true
#define PEAK peak
#include "path-table.h"
