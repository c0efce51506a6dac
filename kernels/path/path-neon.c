// The path for 64-bit ARM CPUs that have the dot product instructions (Cortex-A76, Apple M1 and later). This file is
// compiled with the flags for these instructions.
#include "../lanes/lanes-neon.h"
#include "../lanes/tiles-neon.h"
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define SCORE_PAIRS 2
#define VALUE_PAIRS 2
#define VALUE_LANES 2

static bool available(void) {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return true;  // every 64-bit ARM Mac has these instructions
#endif
}

#define PATH path_neon
#define PATH_NAME "neon"
#define PREFETCHES false
#define PEAK NULL
#include "path-table.h"
