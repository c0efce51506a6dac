# Builds kernels.node from one library for each instruction set. The addon chooses one at run time. No C++.
{
  'target_defaults': {
    # The compiler must not fuse multiply-adds itself or reorder sums, because all instruction sets must give the same bits.
    'cflags': ['-std=c11', '-O3', '-fPIC', '-ffp-contract=off', '-fno-math-errno', '-fvisibility=hidden', '-Wextra'],
    'xcode_settings': {
      'OTHER_CFLAGS': ['-std=c11', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fvisibility=hidden'],
    },
    'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
  },
  'targets': [
    {
      'target_name': 'kernels',
      'sources': [
        'addon/addon.c', 'addon/addon-attention.c', 'addon/addon-experts.c', 'addon/addon-files.c', 'addon/addon-logits.c', 'addon/addon-machine.c', 'addon/addon-products.c', 'addon/addon-rows.c', 'addon/addon-serving.c',
        'addon/addon-weights.c', 'addon/addon-wire.c',
        'addon/arguments.c', 'math/attention.c', 'system/bus.c', 'math/draw.c', 'math/experts.c', 'system/map.c', 'path/path.c', 'path/path-plain.c', 'system/pool.c', 'math/product.c',
        'system/warm.c', 'wire/exchange.c', 'wire/frame.c', 'wire/serve.c', 'wire/wire.c',
      ],
      'conditions': [
        ['target_arch=="x64"', { 'dependencies': ['path_avx512', 'path_avx2'] }],
        ['target_arch=="arm64"', { 'dependencies': ['path_neon'] }],
        ['OS=="linux"', { 'libraries': ['-lm', '-lpthread', '-ldl'] }],
      ],
    },
  ],
  'conditions': [
    # Without alignment, a loop that does not change may become a tenth slower when code before it does.
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'path_avx512',
          'type': 'static_library',
          'sources': ['path/path-avx512.c'],
          'cflags': ['-falign-loops=64', '-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c'] },
        },
        {
          'target_name': 'path_avx2',
          'type': 'static_library',
          'sources': ['path/path-avx2.c'],
          'cflags': ['-falign-loops=64', '-mavx2', '-mfma', '-mf16c'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx2', '-mfma', '-mf16c'] },
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'path_neon',
          'type': 'static_library',
          'sources': ['path/path-neon.c'],
          'cflags': ['-march=armv8.2-a+dotprod'],
        },
      ],
    }],
  ],
}
