#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Put the kernel's checkpatch.pl and its scripts for coccinelle into a directory. No small
# package has them: they are taken out of the kernel sources of the newest kernel, once, and
# cached.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/checkpatch.sh DIR
	Puts checkpatch.pl, the lists it reads, and coccinelle/ into DIR. Fetches 130 MB the
	first time, of which 700 KB stay in the cache, $cache.
	END
}

# private_apt DIR ARGUMENT...: apt-get with sources and state of its own.
private_apt() {
	local dir=$1
	shift

	apt-get -qq -o Dir::Etc::SourceList="$dir/sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State="$dir/state" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
		-o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@" </dev/null
}

# fetch DIR: fill the new directory DIR.
fetch() {
	local dir=$1 name suites tmp

	name=$(default_kernel)
	read -r _ suites _ <<<"$(chroot_line "$name")"
	tmp=$dir/tmp
	mkdir -p "$tmp/state/lists/partial" "$tmp/cache/archives/partial"
	source_lines "$suites" >"$tmp/sources"
	private_apt "$tmp" update
	(cd "$tmp" && private_apt "$tmp" download "linux-source-$name")
	# tar of dpkg-deb and the one inside are read as they come: they would need 2 GB.
	dpkg-deb --fsys-tarfile "$tmp"/linux-source-*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$dir" --strip-components=2 --wildcards \
			'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch' \
			'*/scripts/coccinelle/*'
	rm -rf "$tmp"
	[[ -s $dir/checkpatch.pl && -d $dir/coccinelle ]]
}

main() {
	local dir log

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	[[ $# -eq 1 ]] || misused "one directory is needed"
	dir=$cache/checkpatch-coccinelle-$(default_kernel)
	if [[ ! -d $dir ]]; then
		need_root
		need_packages xz:xz-utils
		mkdir -p "$cache"
		exec 8>"$cache/checkpatch.lock"
		flock 8
	fi
	if [[ ! -d $dir ]]; then
		say "Fetching the kernel sources for checkpatch.pl ..."
		log=$cache/checkpatch.log
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		fetch "$dir.new" >"$log" 2>&1 || {
			cat "$log" >&2
			die "cannot get checkpatch.pl"
		}
		mv "$dir.new" "$dir"
	fi
	mkdir -p "$1"
	cp -ru "$dir"/* "$1/"
}

main "$@"
