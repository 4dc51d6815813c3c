#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compile what is a service in services-guest.sh. Runs in the chroot `packages`.
set -euo pipefail

mkdir -p "$BUILD/services"
javac -cp /usr/share/java/jna.jar -d "$BUILD/services" "$SRC/selftests/Heap.java"
