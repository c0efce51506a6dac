# Builds kernels.node: one library for each instruction set, chosen between at run time. No C++.
{
  'target_defaults': {
    # A fused multiply-add only where one is written, and no reordering: every path must give the same bits.
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
        'addon.c', 'addon-attention.c', 'addon-files.c', 'addon-logits.c', 'addon-products.c', 'addon-rows.c', 'addon-weights.c',
        'arguments.c', 'attention.c', 'bus.c', 'draw.c', 'experts.c', 'map.c', 'path.c', 'path-plain.c', 'pool.c', 'product.c',
      ],
      'conditions': [
        ['target_arch=="x64"', { 'dependencies': ['path_avx512', 'path_avx2'] }],
        ['target_arch=="arm64"', { 'dependencies': ['path_neon'] }],
        ['OS=="linux"', { 'libraries': ['-lm', '-lpthread', '-ldl'] }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'path_avx512',
          'type': 'static_library',
          'sources': ['path-avx512.c'],
          'cflags': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni', '-mfma', '-mf16c'] },
        },
        {
          'target_name': 'path_avx2',
          'type': 'static_library',
          'sources': ['path-avx2.c'],
          'cflags': ['-mavx2', '-mfma', '-mf16c'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx2', '-mfma', '-mf16c'] },
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'path_neon',
          'type': 'static_library',
          'sources': ['path-neon.c'],
          'cflags': ['-march=armv8.2-a+dotprod'],
        },
      ],
    }],
  ],
}
