#!/bin/sh
# Installs the locked packages outside the repository and computes all cases again. Arguments go to generate.py: --check, --only.
set -eu
cd "$(dirname "$0")"
venv=${ORACLE_VENV:-${TMPDIR:-/tmp}/expertgrid-oracle}
if ! cmp -s requirements.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --no-cache-dir --require-hashes -r requirements.txt
  cp requirements.txt "$venv/requirements.txt"
fi
exec "$venv/bin/python" generate.py --out ../../test/oracle "$@"
