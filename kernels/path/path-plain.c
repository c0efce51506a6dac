// The path for every other CPU. Tests compare the faster paths with it.
#include "../lanes/lanes-plain.h"
#include "../lanes/tiles-plain.h"

#define SCORE_PAIRS 2
#define VALUE_PAIRS 2
#define VALUE_LANES 2

static bool available(void) { return true; }

#define PATH path_plain
#define PATH_NAME "plain"
#define PREFETCHES false
#define PEAK NULL
#include "path-table.h"
