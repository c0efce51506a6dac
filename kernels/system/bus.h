// Names the mapped file that causes a SIGBUS, before the process dies of it.
#pragma once
#include <stddef.h>

// From now on, a SIGBUS within these bytes writes a line that names `path` to standard error.
void bus_watch(const void *data, size_t bytes, const char *path);
void bus_forget(const void *data);
