#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the packages install, at work in a guest whose root is the chroot `packages`: units,
# with systemd as the first process of a container, and the rule for udev. packages.sh has
# left packages and module; the module is not built here, which would take minutes.
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/systemd.sh"

packages=$BUILD/packages
counters=/var/lib/prometheus/node-exporter
examples=/usr/share/doc/mlock2mon/examples

# put_in_place: as dkms would have done it, and the administrator.
put_in_place() {
	local place

	# The chroot has no manuals and examples, but packages have.
	sed -i '/^path-exclude/d' /etc/dpkg/dpkg.cfg.d/*
	place=/lib/modules/$(uname -r)
	mkdir -p "$place/updates" "$counters"
	cp -r "$packages/modules/$(uname -r)" "$place/updates/dkms" && depmod || return
	dpkg-deb --fsys-tarfile "$packages"/mlock2mon-dkms_*.deb |
		tar -x -C / --wildcards './lib/systemd/*' || return
	dpkg -i "$packages"/mlock2mon_*.deb || return
	echo "options mlock2mon related=1" >/etc/modprobe.d/mlock2mon.conf
	useradd --system reader
	write_reader >/etc/systemd/system/reader.service
	systemctl enable mlock2mon.service mlock2mon-metrics.timer
}

# write_reader: a unit as mlock2mon(4) has it.
write_reader() {
	echo "[Service]"
	echo "Type=oneshot"
	echo "ExecStart=/usr/sbin/mlock2mon events --no-follow --raw"
	echo "StandardOutput=truncate:$work/read"
	sed -n '/^User=reader/,/^\.Ed/ { /=/p }' "$SRC/tools/mlock2mon.4"
}

counters_written() {
	local file=$counters/mlock2mon.prom

	# Without CAP_PERFMON it would know nothing of processes.
	wait_until 90 test -s "$file" && grep -q '^mlock2mon_up 1$' "$file" &&
		grep -q '^mlock2mon_processes ' "$file" && return
	control status mlock2mon-metrics.service
	cat "$counters"/*
	return 1
}

# rule_wanted: what the example says, done to the letter.
rule_wanted() {
	inside bash -ec "cd $examples; $(sed -n 's/^#\t//p' "$examples/60-mlock2mon.rules")"
}

# is_of_group: the device, by its mode, owner and group.
is_of_group() {
	[[ $(stat --format '%a %U %G' /dev/mlock2mon) == "440 root mlock2mon" ]]
}

# opens OPTION...: what the device says to a user, with these of setpriv.
opens() {
	setpriv --reuid=reader --regid=reader "$@" \
		dd if=/dev/mlock2mon bs=64k count=1 iflag=nonblock status=none 2>&1 |
		sed 's/^seq=.*/a record/; s/.*: //; q'
}

reader_reads() {
	control start reader.service && grep -q '^seq=' "$work/read" && return
	control status reader.service
	return 1
}

# stays: stopping fails, and says so, while the device is open.
stays() {
	exec 6</dev/mlock2mon
	control stop mlock2mon.service
	exec 6<&-
	control -q is-failed mlock2mon.service && [[ -d /sys/module/mlock2mon ]]
}

# another_on_disk: as after an upgrade, says what modinfo tells systemd.
another_on_disk() {
	printf '#!/bin/sh\necho ANOTHER\n' >/usr/local/sbin/modinfo
	chmod 755 /usr/local/sbin/modinfo
}

# not_exchanged: restarting fails while the device is open.
not_exchanged() {
	local status=0

	exec 6</dev/mlock2mon
	control restart mlock2mon.service || status=$?
	exec 6<&-
	[[ $status -ne 0 && $(load_id) == "$1" ]]
}

exchanged() {
	control restart mlock2mon.service && [[ -d /sys/module/mlock2mon && $(load_id) != "$1" ]]
}

load_id() {
	sed -n 's/^load_id //p' /proc/mlock2mon/stats
}

# purged: what the package's script does, with a module that no service has loaded.
purged() {
	modprobe mlock2mon && sh "$SRC/debian/mlock2mon-dkms.prerm" remove &&
		[[ ! -d /sys/module/mlock2mon ]]
}

stops() {
	control start mlock2mon.service && control stop mlock2mon.service || return
	[[ ! -d /sys/module/mlock2mon ]]
}

if [[ ! -d $packages/modules/$(uname -r) ]]; then
	echo "1..0 # SKIP the mirror has another kernel than this"
	exit
fi
plan 15
said=$(put_in_place 2>&1) || bail "$said"
start_systemd || bail "systemd: $(dmesg | tail -n 20)"
check "the module is loaded then" active mlock2mon.service
is "$(</sys/module/mlock2mon/parameters/related)" Y "... with the parameters of modprobe.d"
check "counters for the node exporter are written" counters_written
check "the rule for udev can be had" rule_wanted
check "... and gives the device to the group" wait_until 30 is_of_group
act map 1 lock 0 1 end >/dev/null
is "$(opens --groups=mlock2mon)" "Operation not permitted" "the group alone opens nothing"
is "$(opens --clear-groups --inh-caps=+perfmon --ambient-caps=+perfmon)" "Permission denied" \
	"nor does the capability"
is "$(opens --groups=mlock2mon --inh-caps=+perfmon --ambient-caps=+perfmon)" "a record" "both do"
check "... as in a unit like that of the manual" reader_reads
another_on_disk
loaded=$(load_id)
check "one that is older than what is on disk is not taken for it" not_exchanged "$loaded"
check "... but exchanged, when nobody has the device open" exchanged "$loaded"
rm /usr/local/sbin/modinfo
check "an open device keeps the module" stays
check "it goes when it is closed" stops
check "it goes with the package, too, when somebody has loaded it by hand" purged
control start mlock2mon.service
check "when it comes again, the device is the group's at once" wait_until 30 is_of_group
end_systemd
