# Writes small GGUF files with PyPI's gguf package, and what they contain: python written.py OUT.json
import base64
import json
import os
import sys
import tempfile

import gguf
import numpy as np


def written(directory, **options):
    """The bytes of the files that the package writes, by name."""
    writer = gguf.GGUFWriter(os.path.join(directory, 'tiny.gguf'), 'llama', **options)
    writer.add_uint8('some.u8', 255)
    writer.add_int8('some.i8', -128)
    writer.add_uint16('some.u16', 65535)
    writer.add_int16('some.i16', -32768)
    writer.add_uint32('some.u32', 2**32 - 1)
    writer.add_int32('some.i32', -(2**31))
    writer.add_float32('some.f32', 1e-5)
    writer.add_uint64('some.u64', 2**64 - 1)
    writer.add_int64('some.i64', -(2**53))
    writer.add_float64('some.f64', 0.1)
    writer.add_bool('some.bool', True)
    writer.add_string('some.string', 'Grüße, 世界 \N{GRINNING FACE}')
    writer.add_array('some.strings', ['a', '', 'Ġb'])
    writer.add_array('some.numbers', [1, -2, 3])
    writer.add_array('some.floats', [0.5, -0.25])
    writer.add_tensor('token_embd.weight', np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor('blk.0.ffn_norm.weight', np.arange(3, dtype=np.float32) / 2)
    rows = gguf.quants.quantize(np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor('blk.0.attn_q.weight', rows, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {name: base64.b64encode(open(os.path.join(directory, name), 'rb').read()).decode() for name in sorted(os.listdir(directory))}


def main():
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as split:
        files = {'whole': written(whole), 'split': written(split, split_max_tensors=2)}
    with open(sys.argv[1], 'w') as file:
        json.dump(files, file, indent=1)
        file.write('\n')


main()
