#!/bin/sh
# Runs a Python file of this folder with settings for speed on a CPU (two threads, huge pages, kept memory): run.sh train.py WORKDIR …
# The interpreter is $PYTHON, or that of WORKDIR/venv, or python3.
unset OPENBLAS_CORETYPE
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8000000000:glibc.malloc.trim_threshold=16000000000:glibc.malloc.top_pad=500000000
script=$1
shift
[ -n "$PYTHON" ] || { [ -x "$1/venv/bin/python" ] && PYTHON=$1/venv/bin/python; }
exec "${PYTHON:-python3}" "$(dirname "$0")/$script" "$@"
