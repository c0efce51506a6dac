// Handles SIGBUS, which the system raises if a mapped file was truncated and a missing page is read. The handler writes one
// line with the file's name and restores the former handler. The read is then repeated, and the process dies of the signal
// as it would without a handler.
#include "bus.h"
#include "pool.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Most files that are watched. A bundle has one file for each layer. The handler cannot name files beyond this number.
enum { MOST_WATCHED = 4096 };

// The handler may read these at any moment. So `start` is written last when a range is added, and first when it is removed.
static struct {
  _Atomic uintptr_t start;
  uintptr_t end;
  char *path;
} watched[MOST_WATCHED];
static pthread_mutex_t changes = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static bool installed;  // under `changes`

// Several threads may read a missing page at once. The first thread writes the line, and the others wait until it is
// written.
enum { NOT_TOLD, TELLING, TOLD };
static _Atomic int told;

static size_t append(char *line, size_t length, size_t most, const char *text) {
  while (*text != 0 && length < most) line[length++] = *text++;
  return length;
}

// Writes the line with one call, so that other output cannot interrupt it. Calls only async-signal-safe functions.
static void tell(uintptr_t at) {
  static char line[8192];
  for (int i = 0; i < MOST_WATCHED; i++) {
    const uintptr_t start = atomic_load(&watched[i].start);
    if (start == 0 || at < start || at >= watched[i].end) continue;
    size_t length = append(line, 0, sizeof line, "expertgrid: ");
    length = append(line, length, sizeof line, watched[i].path);
    length = append(line, length, sizeof line,
                    ": was cut short or replaced while it was in use, or its disk failed (SIGBUS). Replace a bundle by "
                    "writing a new directory and renaming it, never in place\n");
    if (write(STDERR_FILENO, line, length) < 0) return;  // the process is about to die: the line is lost
    return;
  }
}

static void on_bus(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  int expected = NOT_TOLD;
  if (atomic_compare_exchange_strong(&told, &expected, TELLING)) {
    tell((uintptr_t)info->si_addr);
    sigaction(SIGBUS, &before, NULL);
    atomic_store(&told, TOLD);
  }
  while (atomic_load(&told) != TOLD) sched_yield();
}

void bus_watch(const void *data, size_t bytes, const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) return;
  pthread_mutex_lock(&changes);
  if (!installed) {
    stay_loaded();
    struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    installed = sigaction(SIGBUS, &action, &before) == 0;
  }
  int slot = 0;
  while (slot < MOST_WATCHED && atomic_load(&watched[slot].start) != 0) slot++;
  if (slot < MOST_WATCHED) {
    watched[slot].end = (uintptr_t)data + bytes;
    watched[slot].path = copy;
    atomic_store(&watched[slot].start, (uintptr_t)data);
  } else {
    free(copy);
  }
  pthread_mutex_unlock(&changes);
}

void bus_forget(const void *data) {
  pthread_mutex_lock(&changes);
  for (int i = 0; i < MOST_WATCHED; i++) {
    if (atomic_load(&watched[i].start) != (uintptr_t)data) continue;
    atomic_store(&watched[i].start, 0);
    free(watched[i].path);
    break;
  }
  pthread_mutex_unlock(&changes);
}
