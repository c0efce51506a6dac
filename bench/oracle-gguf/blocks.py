# Writes random blocks of each GGUF type and the floats that PyPI's gguf package makes of them: python blocks.py OUT.json [BLOCKS]
# See README.md. The scales in the blocks are finite, so that the floats can be compared bit by bit.
import base64
import json
import sys

import gguf
import numpy as np
from gguf.quants import dequantize

TYPES = [
    'F32', 'F16', 'BF16', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0',
    'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4',
]

# Offsets of the float16 scales in a block.
HALVES = {
    'F16': [0], 'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q8_0': [0], 'Q2_K': [80, 82],
    'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208], 'IQ4_NL': [0], 'IQ4_XS': [0],
}


def blocks_of(name, count, random):
    values, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    raw = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES.get(name, []):
        scales = random.normal(0, 1, count) * 2.0 ** random.integers(-20, 4, count)
        raw[:, at : at + 2] = scales.astype('<f2').view(np.uint8).reshape(count, 2)
    if name == 'F32':
        raw = random.normal(0, 1, count).astype('<f4').view(np.uint8).reshape(count, 4)
    if name == 'BF16':
        raw = (random.normal(0, 1, count).astype('<f4').view('<u4') >> 16).astype('<u2').view(np.uint8).reshape(count, 2)
    if name == 'MXFP4':
        raw[:, 0] = np.where(np.arange(count) < 3, np.arange(count), random.integers(60, 200, count))
    return raw


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    random = np.random.default_rng(18)
    cases = []
    for name in TYPES:
        many = count if gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][0] > 1 else count * 16
        raw = blocks_of(name, many, random)
        # One row of whole blocks: the package dequantises rows.
        floats = dequantize(raw.reshape(1, -1), gguf.GGMLQuantizationType[name]).astype('<f4')
        encode = lambda array: base64.b64encode(array.tobytes()).decode()
        cases.append({'type': name, 'blocks': encode(raw), 'floats': encode(floats)})
    with open(sys.argv[1], 'w') as file:
        json.dump(cases, file, indent=1)
        file.write('\n')


main()
