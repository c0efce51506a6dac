// The wires of the calling JavaScript thread.
#pragma once
#include <node_api.h>
#include "../wire/wire.h"

// Starts them on the first call. Throws and returns NULL on failure.
struct wires *wires_of(napi_env env);
