// Makes the table of a path's routines. The including file must first include lanes and tiles, and define the
// macros PATH, PATH_NAME, PREFETCHES and PEAK.
#include "../math/attend.h"
#include "../math/logits.h"
#include "path.h"
#include "../system/pieces.h"

const struct path PATH = {
    .name = PATH_NAME,
    .available = available,
    .quantise = quantise,
    .tiles = tiles,
    .prefetches = PREFETCHES,
    .peak = PEAK,
    .swiglu = swiglu,
    .clamped_swiglu = clamped_swiglu,
    .rmsnorm = rmsnorm,
    .add = add,
    .scale_row = scale_row,
    .add_weighted = add_weighted,
    .scores = scores,
    .rotate = rotate,
    .halves = halves,
    .attend_floats = attend_floats,
    .attend = attend,
    .sweep = sweep,
    .argmax = argmax,
    .topk = topk,
    .logsumexp = logsumexp,
    .weigh_piece = weigh_piece,
    .measure_piece = measure_piece,
    .cut_piece = cut_piece,
};
