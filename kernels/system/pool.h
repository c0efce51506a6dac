// The process's threads. Knows no tensors.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { MOST_THREADS = 64 };

// One job at a time: several JavaScript threads may call in. Held over a whole entry, which may run several jobs and
// uses scratch memory.
void pool_lock(void);
void pool_unlock(void);

// Node unmaps an addon when the last worker thread that loaded it ends: what outlives that thread, such as the pool's threads or
// a signal's handler, calls this first.
void stay_loaded(void);

// Under the lock. `spin_us`: how long an idle thread looks for the next job before it sleeps.
void pool_resize(int threads, int spin_us);
int pool_threads(void);

// Under the lock. Splits items 0 … count - 1 into ranges of at least `least` (the last may be shorter), hands them out
// as threads come for them, large ones first, and returns when all are done. `thread` is below pool_threads().
// Items that cost alike are split into few ranges: what is left by the number of threads. Others into half of that.
typedef void (*pool_task)(void *context, size_t from, size_t to, int thread);
enum pool_cost { COST_EVEN = 1, COST_UNEVEN = 2 };
void pool_run(pool_task task, void *context, size_t count, size_t least, enum pool_cost cost);

// Under the lock: memory that stays until it is asked for larger, 64-byte aligned; NULL if there is none. What it held
// is lost. Each slot is one use.
enum scratch_slot { SCRATCH_INPUT, SCRATCH_INNER, SCRATCH_INNER_PANELS, SCRATCH_THREADS, SCRATCH_SLOTS };
void *pool_scratch(enum scratch_slot slot, size_t bytes);
