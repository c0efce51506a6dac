// The process's threads for jobs of the kernels. Atomic counters say when a job begins and ends. Between jobs, the threads
// spin briefly and then sleep.
#include "pool.h"
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "warm.h"

static pthread_mutex_t jobs = PTHREAD_MUTEX_INITIALIZER;

static int wanted = 1, running = 0;  // `wanted` counts the caller's thread, `running` does not; `jobs` protects both
static pthread_t workers[MOST_THREADS];
static _Atomic long spin_ns = 500000;

static struct {
  pool_task task;
  void *context;
  size_t count, least;
  size_t parts;  // the next range is 1 / parts of the remaining items
  _Atomic size_t next;
} job;

// A worker may touch `job` only while it is counted in `inside` and `open` is still the number of the job that woke it. A
// caller that finishes alone closes the job and returns without waiting for threads that are still waking up.
static _Atomic uint64_t posted;  // number of the last job; grows
static _Atomic uint64_t open;    // number of the job that threads may join, or 0
static _Atomic int inside;       // number of threads that may be working on the job
static _Atomic bool stopping;
static _Atomic bool resting;  // until the next job

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static _Atomic int sleepers;

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void take_ranges(int thread) {
  for (;;) {
    size_t from = atomic_load_explicit(&job.next, memory_order_relaxed), to;
    do {
      if (from >= job.count) return;
      // A range is a share of the remaining items. So there are few ranges, the last ranges are short, and all threads end
      // at nearly the same time.
      size_t range = (job.count - from) / job.parts;
      if (range < job.least) range = job.least;
      to = job.count - from < range ? job.count : from + range;
    } while (!atomic_compare_exchange_weak(&job.next, &from, to));
    job.task(job.context, from, to, thread);
  }
}

// The number of the next job after `seen`.
static uint64_t await_job(uint64_t seen) {
  uint64_t number;
  const int64_t start = now_ns(), limit = atomic_load_explicit(&spin_ns, memory_order_relaxed);
  for (int64_t waited = 0; waited < limit && !atomic_load(&resting); waited = now_ns() - start) {
    bool warmed = false;
    for (int i = 0; i < 32; i++) {
      if ((number = atomic_load(&posted)) != seen) return number;
      warmed = warm_piece();
      if (!warmed) pause_briefly();
    }
    // Other processes, such as a gateway and its shards, may use the same cores, so this thread yields to any runnable
    // thread.
    sched_yield();
  }
  pthread_mutex_lock(&door);
  // This thread counts itself as a sleeper before it looks a last time. So either the thread sees a new job, or the thread
  // that posts the job sees the sleeper and wakes it.
  atomic_fetch_add(&sleepers, 1);
  while ((number = atomic_load(&posted)) == seen) pthread_cond_wait(&bell, &door);
  atomic_fetch_sub(&sleepers, 1);
  pthread_mutex_unlock(&door);
  return number;
}

static uint64_t post(void) {
  const uint64_t number = atomic_load(&posted) + 1;
  atomic_store(&resting, false);
  atomic_store(&open, number);
  atomic_store(&posted, number);
  if (atomic_load(&sleepers) > 0) {
    pthread_mutex_lock(&door);
    pthread_cond_broadcast(&bell);
    pthread_mutex_unlock(&door);
  }
  return number;
}

// The name under which `top -H` and bench/parts/profile.ts list a worker.
static void name_thread(void) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "kernels");
#elif defined(__APPLE__)
  pthread_setname_np("kernels");
#endif
}

static void *work(void *argument) {
  const int thread = (int)(intptr_t)argument;
  name_thread();
  uint64_t seen = 0;
  for (;;) {
    seen = await_job(seen);
    atomic_fetch_add(&inside, 1);
    if (atomic_load(&stopping)) {
      atomic_fetch_sub(&inside, 1);
      return NULL;
    }
    if (atomic_load(&open) == seen) take_ranges(thread);
    atomic_fetch_sub(&inside, 1);
  }
}

void stay_loaded(void) {
  Dl_info self;
  if (dladdr(&jobs, &self) != 0) dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

static void start_workers(void) {
  if (running == 0) stay_loaded();
  // All signals except SIGBUS are left to Node's threads.
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS);  // the thread's own reads can raise it; if it were blocked, the handler in bus.c would not run
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (running < wanted - 1) {
    if (pthread_create(&workers[running], NULL, work, (void *)(intptr_t)(running + 1)) != 0) {
      wanted = running + 1;  // fewer threads give the same results
      break;
    }
    running++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pool_rest(void) { atomic_store(&resting, true); }

void pool_lock(void) { pthread_mutex_lock(&jobs); }
void pool_unlock(void) { pthread_mutex_unlock(&jobs); }
int pool_threads(void) { return wanted; }

void pool_resize(int threads, int spin_us) {
  atomic_store(&spin_ns, (long)spin_us * 1000);
  if (threads < wanted && running > 0) {
    atomic_store(&stopping, true);
    post();
    for (int i = 0; i < running; i++) pthread_join(workers[i], NULL);
    atomic_store(&open, 0);
    atomic_store(&stopping, false);
    running = 0;
  }
  wanted = threads;
}

void pool_run(pool_task task, void *context, size_t count, size_t least, enum pool_cost cost) {
  if (count <= least || wanted == 1) {
    if (count > 0) task(context, 0, count, 0);
    return;
  }
  if (running < wanted - 1) start_workers();
  job.task = task;
  job.context = context;
  job.count = count;
  job.least = least;
  job.parts = (size_t)wanted * cost;
  atomic_store(&job.next, 0);
  post();
  take_ranges(0);
  atomic_store(&open, 0);
  for (int turns = 0; atomic_load(&inside) > 0; turns++) {
    // A thread inside may have lost its core to another process, so this thread yields its own.
    if (turns < 2000) pause_briefly();
    else sched_yield();
  }
}

void *pool_scratch(enum scratch_slot slot, size_t bytes) {
  static struct {
    void *memory;
    size_t bytes;
  } slots[SCRATCH_SLOTS];
  if (slots[slot].bytes >= bytes) return slots[slot].memory;
  free(slots[slot].memory);
  slots[slot].memory = NULL;
  slots[slot].bytes = 0;
  // Large buffers use large pages, because a panel on scattered small pages does not fill the cache evenly.
  const size_t large = (size_t)2 << 20;
  const bool is_large = bytes > large / 2;
  if (is_large) bytes = (bytes + large - 1) / large * large;
  void *memory;
  if (posix_memalign(&memory, is_large ? large : 64, bytes) != 0) return NULL;
#if defined(MADV_HUGEPAGE)
  if (is_large) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  slots[slot].memory = memory;
  slots[slot].bytes = bytes;
  return memory;
}
