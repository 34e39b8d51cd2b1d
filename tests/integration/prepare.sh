#!/usr/bin/env bash
# The images that the tests of real VMs share, made before them (ctest's fixture `images`).
source "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "needs root"
prepare_images
