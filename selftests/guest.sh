#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a guest and run one command in it.
set -euo pipefail
. "$(dirname "$0")/host.sh"

kernel=$(default_kernel)
cpus=2 mem='' timeout=300 append='' out='' root='' interactive='' threads=multi icount=''
monitor='' firmware='' sockets=''

usage() {
	cat <<-END
	Usage: selftests/guest.sh [OPTION ...] -- COMMAND [ARGUMENT ...]
	Boots a guest and runs COMMAND in it, in /src, which is this tree, read-only.

	  --kernel NAME    a name in selftests/kernels that was built ($kernel)
	  --root NAME      a name in selftests/chroots, for another root than the kernel's chroot
	  --out DIR        /out of the guest, writable (build/KERNEL/out)
	  --cpus N         processors ($cpus)
	  --mem MIB        memory (1024; 3072 for a kernel that is built here)
	  --timeout S      kill the guest after S seconds ($timeout); a command that writes
	                   "ID S" to \$OUT/limit gets S seconds from then on instead
	  --append STRING  more for the kernel command line
	  --one-thread     under emulation, processors take turns instead of running at once
	  --firmware DIR   boot DIR/vmlinuz by the UEFI firmware DIR/code.fd, whose variables
	                   are kept in DIR/vars.fd; without it, there is none
	  --icount         one processor, and a clock that counts instructions, one a
	                   nanosecond, and leaps to the next event when the guest is idle
	  --monitor        commands to QEMU may be written to the FIFO DIR/monitor.in
	  --interactive    COMMAND gets this terminal; no timeout. Ctrl-A x kills the guest
	  --help           this

	In the guest: SRC, BUILD, BIN, MODULE, OUT, KERNEL are set, BIN is in PATH.
	The exit status is that of COMMAND; 124: killed after the timeout; 125: the guest
	died, or its kernel log was not clean. DIR keeps console, dmesg and what COMMAND wrote.
	END
}

parse() {
	while (($#)); do
		case $1 in
		--help | -h) usage; exit 0 ;;
		--interactive) interactive=1 ;;
		--one-thread) threads=single ;;
		--icount) icount=1 cpus=1 ;;
		--monitor) monitor=1 ;;
		--) shift; break ;;
		--kernel | --root | --out | --cpus | --mem | --timeout | --append | --firmware)
			(($# > 1)) || misused "$1 needs a value"
			declare -g "${1#--}=$2"
			shift ;;
		-*) misused "unknown option $1" ;;
		*) break ;;
		esac
		shift
	done
	[[ $cpus =~ ^[1-9][0-9]*$ ]] || misused "--cpus $cpus: not a number"
	[[ ${mem:-1} =~ ^[1-9][0-9]*$ ]] || misused "--mem $mem: not a number"
	[[ $timeout =~ ^[1-9][0-9]*$ ]] || misused "--timeout $timeout: not a number"
	(($#)) || misused "no command"
	command=("$@")
}

# choose_machine: sets the program of QEMU, the processor, and the guest's serial line.
choose_machine() {
	emulator=qemu-system-x86_64 cpu=max line="console=ttyS0 no_timer_check tsc=reliable"
	is_arm64 "$kernel" || return 0
	need_packages qemu-system-aarch64:qemu-system-arm
	# The architecture's own algorithm for signed pointers is slow to emulate.
	emulator=qemu-system-aarch64 cpu=max,pauth-impdef=on line=console=ttyAMA0
	args+=(-machine "virt,gic-version=3")
}

# The flags are asked first: a /dev/kvm may exist where no CPU can serve it.
accelerator() {
	if [[ $icount ]]; then
		echo -accel tcg,thread=single -icount shift=0,sleep=off -cpu "$cpu"
	elif [[ $cpu == max && -r /dev/kvm && -w /dev/kvm ]] &&
		grep -qwE 'vmx|svm' /proc/cpuinfo; then
		echo -accel kvm -cpu host
	else
		echo -accel "tcg,thread=$threads" -cpu "$cpu"
	fi
}

# serve TAG DIR MODE: a directory by virtiofs, whose daemon has no read-only mode; it ends
# with QEMU.
serve() {
	local daemon

	daemon=$(command -v virtiofsd /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd) ||
		die "no virtiofsd, which the guest needs"
	# shellcheck disable=SC2016 # expanded inside
	setpriv --pdeathsig KILL unshare --mount --propagation private bash -c '
		mount --bind "$2" "$2"
		caching=none
		[[ ! $4 ]] || { mount -o remount,bind,ro "$2"; caching=always; }
		exec "$1" --socket-path="$3" -o "source=$2,cache=$caching,xattr"' \
		bash "${daemon%%$'\n'*}" "$2" "$sockets/$1" "$3" >"$sockets/$1.log" 2>&1 </dev/null 7>&- &
	for ((i = 0; i < 300; i++)); do
		[[ ! -S $sockets/$1 ]] || break
		sleep 0.1
	done
	args+=(-chardev "socket,id=share-$1,path=$sockets/$1"
		-device "vhost-user-fs-pci,chardev=share-$1,tag=$1")
}

# share TAG DIR MODE: a directory for the guest to mount.
share() {
	if [[ -e $build/virtiofs ]]; then
		serve "$@"
		return
	fi
	args+=(-virtfs "local,path=${2//,/,,},mount_tag=$1,security_model=passthrough,multidevs=remap$3")
}

# add_firmware DIR
add_firmware() {
	args+=(-drive "if=pflash,format=raw,readonly=on,file=${1//,/,,}/code.fd"
		-drive "if=pflash,format=raw,file=${1//,/,,}/vars.fd")
}

# write_command: what process 1 of the guest runs.
write_command() {
	rm -rf "$out/.command" "$out/.interactive" "$out/.verdict" "$out/.pipe" "$out/limit"
	{
		echo "export SRC=/src OUT=/out KERNEL=$kernel BUILD=/src/build/$kernel"
		# shellcheck disable=SC2016 # expanded in the guest
		echo 'export BIN=$BUILD/bin MODULE=$BUILD/mlock2mon.ko; export PATH=$BIN:$PATH'
		[[ -z $interactive ]] || echo "export TERM=${TERM:-linux}; $(stty_size)"
		echo 'cd /src'
		printf '%q ' exec "${command[@]}"
		echo
	} >"$out/.command"
	[[ -z $interactive ]] || touch "$out/.interactive"
}

# stty_size: a command that gives the serial line the size of this terminal.
stty_size() {
	{ stty size </dev/tty | awk '{ print "stty rows", $1, "columns", $2 }'; } 2>/dev/null || true
}

# start: QEMU in the background, its process in $qemu. What the command writes
# comes out of a FIFO, for QEMU would truncate a file.
start() {
	local args=() loglevel=5 line emulator cpu i

	choose_machine
	# shellcheck disable=SC2207 # words
	args+=($(accelerator))
	if [[ -e $build/virtiofs ]]; then
		sockets=$(mktemp -d)
		args+=(-object "memory-backend-memfd,id=ram,size=${mem}M,share=on" -machine memory-backend=ram)
	fi
	share root "$root" ,readonly=on
	share src "$tree" ,readonly=on
	share out "$out" ''
	args+=(-nodefaults -no-user-config -display none -no-reboot -smp "$cpus" -m "$mem"
		-kernel "${firmware:-$build}/vmlinuz" -initrd "$build/initramfs"
		-device virtio-rng-pci)
	[[ ! $firmware ]] || add_firmware "$firmware"
	if [[ $monitor ]]; then
		rm -f "$out"/monitor.{in,out}
		mkfifo "$out"/monitor.{in,out}
		# Both ways, so that neither end waits for the other to be opened.
		exec 6<>"$out/monitor.in" 9<>"$out/monitor.out"
		args+=(-monitor "pipe:$out/monitor")
	fi
	if [[ $interactive ]]; then
		loglevel=3
		args+=(-serial mon:stdio)
	else
		mkfifo "$out/.pipe"
		args+=(-serial "file:$out/console" -device virtio-serial-pci
			-chardev "file,id=out,path=$out/.pipe" -device "virtserialport,chardev=out")
	fi
	# oops=panic and the rest: a kernel that went wrong ends there, and QEMU with it.
	# As no_timer_check and tsc, the last two: a busy host makes clocks, RCU and processors look
	# broken.
	line+=" loglevel=$loglevel log_buf_len=4M rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60"
	# secretmem is off by default on older kernels.
	line+=" panic=-1 oops=panic panic_on_warn=1 secretmem.enable=1"
	# As machines for real time have it.
	((cpus == 1)) || line+=" rcu_nocbs=1"
	# Where each allocation is remembered, half a minute for each device, in vain: their
	# interrupts are messages.
	[[ ! $(built_line "$kernel") ]] || line+=" acpi=noirq"
	line+=" $append"
	args+=(-append "$line")
	if [[ $interactive ]]; then
		"$emulator" "${args[@]}"
	else
		cat "$out/.pipe" &
		reader=$!
		setpriv --pdeathsig KILL "$emulator" "${args[@]}" </dev/null >"$out/qemu.log" 2>&1 &
		qemu=$!
	fi
}

# watch: until QEMU ends, or its time is up.
watch() {
	local deadline=$((SECONDS + timeout)) limit='' last=''

	while kill -0 "$qemu" 2>/dev/null; do
		[[ ! -s $out/limit ]] || limit=$(<"$out/limit")
		if [[ $limit != "$last" ]]; then
			last=$limit
			deadline=$((SECONDS + ${limit##* }))
		fi
		if ((SECONDS >= deadline)); then
			kill -KILL "$qemu"
			say "guest.sh: killed, its time was up"
			return 124
		fi
		sleep 0.1
	done
}

stop() {
	[[ -z ${qemu-} ]] || kill -KILL "$qemu" 2>/dev/null || true
	[[ -z ${reader-} ]] || kill "$reader" 2>/dev/null || true
	[[ -z $sockets ]] || rm -rf "$sockets"
}

# console_excerpt: what the kernel said when it died, or last.
console_excerpt() {
	local first

	first=$("$tree/selftests/log-check.sh" <"$out/console" | sed -n 1p)
	say "guest.sh: from $out/console:"
	if [[ $first ]]; then
		grep -F -A 14 -m 1 -e "$first" "$out/console"
	else
		tail -n 10 "$out/console"
	fi | tr -d "\r" | sed "s/^/  /" >&2
}

verdict() {
	local status bad

	if [[ ! -s $out/.verdict ]]; then
		say "guest.sh: the guest ended without a verdict"
		[[ ! -s $out/qemu.log ]] || cat "$out/qemu.log" >&2
		console_excerpt
		return 125
	fi
	{ read -r status; read -r bad; } <"$out/.verdict"
	[[ -z $bad ]] || { say "guest.sh: kernel log: $bad"; return 125; }
	return "$status"
}

main() {
	local build status=0 qemu reader

	parse "$@"
	need_kernel "$kernel"
	need_root
	need_guest_tools
	[[ $mem || ! $(built_line "$kernel") ]] || mem=3072
	mem=${mem:-1024}
	build=$tree/build/$kernel
	[[ -s $build/initramfs ]] || die "nothing built for $kernel: run selftests/build.sh $kernel"
	out=${out:-$build/out}
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	exec 5<"$out"
	flock -n 5 || die "another guest uses $out: give this one another --out"
	root=$("$tree/selftests/chroot.sh" "${root:-$(guest_chroot "$kernel")}")
	exec 7<"$root"
	flock -s 7
	write_command
	trap stop EXIT
	start
	[[ -n $interactive ]] || watch || status=$?
	[[ -z $interactive ]] || return 0
	# A QEMU that did not get as far as opening it would be waited for.
	: <>"$out/.pipe"
	wait "$reader" || true
	rm -f "$out/.pipe"
	((status)) || verdict || status=$?
	((status != 124)) || console_excerpt
	return $status
}

main "$@"
