#!/bin/sh
# Writes test/golden/quantised.json again: bench/oracle-formats/run.sh [WORKDIR]. It needs Python 3.11 and 8 GB of disk, which
# WORKDIR (default: a temporary directory) takes. A virtual environment WORKDIR/venv that exists is used as it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work/archives"
if [ ! -d "$work/venv" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q --no-deps -r "$here/requirements.txt"
fi
"$work/venv/bin/pip" download -q --no-deps -d "$work/archives" -r "$here/archives.txt"
for archive in "$work"/archives/*; do
  to="$work/unpacked/$(basename "$archive")"
  mkdir -p "$to"
  case $archive in
    *.whl) "$work/venv/bin/python" -m zipfile -e "$archive" "$to" ;;
    *) tar -xzf "$archive" -C "$to" --strip-components 1 ;;
  esac
done
COMPRESSED_TENSORS_0_10_2=$(echo "$work"/unpacked/compressed_tensors-0.10.2*)
AUTOAWQ=$(echo "$work"/unpacked/autoawq-*)
AUTOGPTQ=$(echo "$work"/unpacked/auto_gptq-*)
PYTHONPATH=$(echo "$work"/unpacked/gptqmodel-*)
export COMPRESSED_TENSORS_0_10_2 AUTOAWQ AUTOGPTQ PYTHONPATH
"$work/venv/bin/python" "$here/golden.py" "$here/../../test/golden/quantised.json"
