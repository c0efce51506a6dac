#!/bin/sh
# Runs a Python file of this folder with settings for speed on a CPU (two threads, huge pages, kept memory): run.sh train.py …
unset OPENBLAS_CORETYPE
export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8000000000:glibc.malloc.trim_threshold=16000000000:glibc.malloc.top_pad=500000000
script=$1
shift
exec nice -n 5 /usr/bin/python3 "$(dirname "$0")/$script" "$@"
