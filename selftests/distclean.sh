#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Remove what the other scripts cached, and nothing else that may be there.
set -euo pipefail
. "$(dirname "$0")/host.sh"

[[ $# -eq 0 ]] || { say "Usage: make distclean"; exit 2; }
shopt -s nullglob
for path in "$cache"/{chroot,kernel}-*-*/ "$cache"/checkpatch-*/; do
	flock -n "$path" rm -rf --one-file-system "$path" || die "$path is in use"
done
for path in "$cache"/{chroot,kernel}-*.{lock,log} "$cache"/checkpatch.*; do
	rm -f "$path"
done
[[ ! -d $cache ]] || rmdir --ignore-fail-on-non-empty "$cache"
