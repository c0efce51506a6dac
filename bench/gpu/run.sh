#!/bin/sh
# Runs the tests of the webgpu device and times its layers on a machine with a GPU: `sh run.sh [RESULTS]`, in the folder that
# bench/gpu/pack.ts wrote. Needs no network, and tar with xz or Python. Takes at most 10 minutes. Writes logs to RESULTS
# (default: results, beside this script).
# Exit codes: 0 success; 1 a test or a measurement failed; 3 no Vulkan driver or no GPU; 4 the archive cannot be unpacked.
set -u
here=$(cd "$(dirname "$0")" && pwd)
results=${1:-$here/results}
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if command -v xz >/dev/null; then
  unpack='xz -dc'
elif command -v python3 >/dev/null; then
  unpack='python3 -c "import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)"'
else
  echo 'this machine has neither xz nor python3, so the archive cannot be unpacked' >&2
  exit 4
fi
if ! sh -c "$unpack '$here/expertgrid-gpu.tar.xz'" | tar -C "$work" -x; then
  echo 'the archive cannot be unpacked' >&2
  exit 4
fi
PATH=$work/node:$PATH
TMPDIR=$work/tmp
mkdir "$TMPDIR"
export PATH TMPDIR

# The loader that was packed is used only if this machine has none.
if ! ldconfig -p | grep -q libvulkan.so.1; then
  if [ ! -e "$work/vulkan/libvulkan.so.1" ]; then
    echo 'no Vulkan loader (libvulkan.so.1), neither here nor in the archive' >&2
    exit 3
  fi
  LD_LIBRARY_PATH=$work/vulkan${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
fi

# The tests want the driver by name, because they would otherwise take a software device.
if [ -z "${VK_ICD_FILENAMES:-}" ]; then
  for folder in /etc/vulkan/icd.d /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /usr/local/nvidia/share/vulkan/icd.d; do
    for file in "$folder"/nvidia_icd*.json "$folder"/radeon_icd*.json "$folder"/intel_icd*.json; do
      [ -e "$file" ] && VK_ICD_FILENAMES=${VK_ICD_FILENAMES:-$file}
    done
  done
fi
if [ -z "${VK_ICD_FILENAMES:-}" ]; then
  echo 'no Vulkan driver of a GPU was found; name its JSON file in VK_ICD_FILENAMES' >&2
  exit 3
fi
export VK_ICD_FILENAMES
echo "driver: $VK_ICD_FILENAMES"
command -v nvidia-smi >/dev/null && nvidia-smi -L

cd "$work/tree" || exit 4
node bench/gpu/layers.ts --check || exit 3

failed=0
timeout 240 node bench/gpu/layers.ts >"$results/layers.txt" 2>"$results/layers.log" || failed=1
cat "$results/layers.txt"
timeout 300 node node_modules/vitest/vitest.mjs run --config vitest.slow.config.ts \
  test/model/devices/gpu.slow.test.ts test/model/devices/gpu-serve.slow.test.ts >"$results/tests.txt" 2>&1 || failed=1
tail -n 40 "$results/tests.txt"
[ $failed = 0 ] || echo "something failed or took too long; the logs are in $results" >&2
exit $failed
