#!/usr/bin/env bash
# The demo with more epochs: the smallest recipe at which the new model passes the base model, and both the raw pixels.
set -eu
EPOCHS=6 RUNS=${RUNS:-runs/demo-long} exec "$(dirname "$0")/demo.sh"
