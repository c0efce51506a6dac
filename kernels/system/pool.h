// The process's threads, which work together on one job at a time.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { MOST_THREADS = 64 };

// Several JavaScript threads may call the kernels, but there is one job at a time. A function holds the lock for all of its
// jobs and while it uses scratch memory.
void pool_lock(void);
void pool_unlock(void);

// Node unmaps an addon when the last worker thread that loaded it ends. Code that outlives that thread, such as the pool's
// threads or a signal handler, must call this first.
void stay_loaded(void);

// Call under the lock. `spin_us` is how long an idle thread looks for the next job before it sleeps.
void pool_resize(int threads, int spin_us);
int pool_threads(void);

// Call under the lock. Splits items 0 … count - 1 into ranges of at least `least` items (the last may be shorter). Threads
// take ranges until none is left; the first ranges are the largest. Returns when all items are done. `thread` is below
// pool_threads(). With COST_EVEN, a range is the remaining items divided by the number of threads; with COST_UNEVEN it is
// half of that.
typedef void (*pool_task)(void *context, size_t from, size_t to, int thread);
enum pool_cost { COST_EVEN = 1, COST_UNEVEN = 2 };
void pool_run(pool_task task, void *context, size_t count, size_t least, enum pool_cost cost);

// Lets idle threads sleep until the next job instead of spinning. For a caller that waits for other processes, which may need the cores: a
// core whose only thread spins and yields counts as busy, so the system moves no other thread to it.
void pool_rest(void);

// Call under the lock. Returns 64-byte aligned memory that stays until the slot is requested with more bytes, or NULL if
// there is no memory. The former contents are lost. Each use has its own slot.
enum scratch_slot { SCRATCH_INPUT, SCRATCH_INNER, SCRATCH_INNER_PANELS, SCRATCH_THREADS, SCRATCH_SLOTS };
void *pool_scratch(enum scratch_slot slot, size_t bytes);
