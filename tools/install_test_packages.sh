#!/bin/sh
# Debian packages that only tests and benchmarks need: a load generator, and stock kubectl where there is none.
set -eu
missing=""
command -v wrk >/dev/null || missing="$missing wrk"
command -v kubectl >/dev/null || missing="$missing kubernetes-client"
command -v openssl >/dev/null || missing="$missing openssl"
if [ -n "$missing" ]; then
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
