// The process's threads.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { MOST_THREADS = 64 };

// There is one job at a time, although several JavaScript threads may call. The lock is held for a whole function, which may run
// several jobs and uses scratch memory.
void pool_lock(void);
void pool_unlock(void);

// Node unmaps an addon when the last worker thread that loaded it ends. Code that outlives that thread, such as the pool's
// threads or a signal handler, must call this first.
void stay_loaded(void);

// Call under the lock. `spin_us` is how long an idle thread looks for the next job before it sleeps.
void pool_resize(int threads, int spin_us);
int pool_threads(void);

// Call under the lock. Splits items 0 … count - 1 into ranges of at least `least` (the last may be shorter), gives them to
// threads on request, large ones first, and returns when all are done. `thread` is below pool_threads(). If all items cost
// the same, a range is what is left divided by the number of threads; otherwise it is half of that.
typedef void (*pool_task)(void *context, size_t from, size_t to, int thread);
enum pool_cost { COST_EVEN = 1, COST_UNEVEN = 2 };
void pool_run(pool_task task, void *context, size_t count, size_t least, enum pool_cost cost);

// Call under the lock. Returns memory that stays until more is requested, 64-byte aligned; NULL if there is none. Its former
// contents are lost. Each use has a slot of its own.
enum scratch_slot { SCRATCH_INPUT, SCRATCH_INNER, SCRATCH_INNER_PANELS, SCRATCH_THREADS, SCRATCH_SLOTS };
void *pool_scratch(enum scratch_slot slot, size_t bytes);
