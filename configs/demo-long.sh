#!/usr/bin/env bash
# The demo with six epochs of either model instead of two.
set -eu
EPOCHS=6 RUNS=${RUNS:-runs/demo-long} exec "$(dirname "$0")/demo.sh"
