#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon top on a terminal that tmux keeps.
# timeout: 400
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

export TMUX_TMPDIR
TMUX_TMPDIR=$(mktemp -d)

terminal=

# in_tmux ARGUMENT...: each terminal has a server of its own, for one that is told to end may
# still answer.
in_tmux() {
	tmux -f /dev/null -L "$terminal" "$@"
}

# on_terminal COMMAND: in a terminal of 80 by 20, before which something stood.
on_terminal() {
	terminal=$RANDOM$RANDOM
	in_tmux new-session -d -x 80 -y 20 "echo before; $1; echo \"left \$?\"; stty -a; exec sleep 1000"
}

screen() {
	in_tmux capture-pane -p
}

keys() {
	in_tmux send-keys "$@"
}

# shows PATTERN: some line of the screen.
shows() {
	screen | grep -qE -e "$1"
}

# will_show PATTERN
will_show() {
	wait_until 30 shows "$1" || { screen; return 1; }
}

# order: the names of the processes, downwards.
order() {
	screen | awk '$1 == "PID" { inside = 1; next } inside && NF { printf "%s%s", sep, $2; sep = " " }'
}

is_ordered() {
	[[ $(order) == "$1" ]]
}

# will_be_ordered NAMES
will_be_ordered() {
	wait_until 30 is_ordered "$1" || { echo "expected: $1"; screen; return 1; }
}

# unload_and_see: the module is not there any more, and top says it.
unload_and_see() {
	wait_until rmmod mlock2mon || return 1
	will_show '^The module is not loaded'
}

# given_back: the shell has its terminal as it was: echo, lines, and no full screen.
given_back() {
	will_show '^before' && will_show "^left $1" && will_show ' icanon' && will_show ' echo '
}

# dies SIGNAL STATUS: its terminal is given back all the same.
dies() {
	on_terminal 'mlock2mon top'
	will_show '^ +PID' || return 1
	pkill -"$1" -x mlock2mon
	given_back "$2" || return 1
	in_tmux kill-server
}

plan 24
load
mlock2mon top </dev/null >/dev/null 2>&1
is "$?" 1 "without a terminal it fails"
for wrong in --interval=0 --sort=nothing extra; do
	mlock2mon top $wrong >/dev/null 2>&1 </dev/null
	is "$?" 2 "$wrong is misuse"
done

# The helper after the terminal, which would keep its pipe.
on_terminal 'mlock2mon top --interval 1'
start_helper bash -c "act map 64 name big lock 0 16 \
	fork name limited limit 48 user lock 0 4 over 2 4 9 say here read end"
check "it shows what a process locks, and no limit for root" will_show '^ +[0-9]+ big +64K +64K no limit '
check "... what is left below the limit, and the last error" will_show \
	'^ +[0-9]+ limited +16K +16K +32K +[0-9.]+ +2 +[0-9.]+ +0 ENOMEM$'
check "... and the sums" will_show '^80K locked in 2 processes, '
check "most locked memory is first" will_be_ordered "big limited"
keys f
check "f: most failures first" will_be_ordered "limited big"
keys l
check "l: as before" will_be_ordered "big limited"
keys r
check "r: least headroom first" will_be_ordered "limited big"
keys / LIM
check "/ chooses while it is typed" eval 'will_show "only: LIM_" && will_be_ordered limited'
keys Enter l
check "... and then, when keys are keys again" \
	eval 'will_show "only: LIM  [(]Esc: all" && will_be_ordered limited'
keys Escape
check "Escape shows all" will_be_ordered "big limited"
keys ' '
check "space stops it" will_show 'PAUSED'
keys ' '
keys '?'
check "? tells the keys" will_show '^l +most locked memory first'
keys l
# Two calls in the kernel, until it is killed.
mkfifo "$TMUX_TMPDIR/never"
exec {never}<>"$TMUX_TMPDIR/never"
hold -t 2 -n held <&"$never" >/dev/null &
hold=$!
check "a process that comes is shown, with its calls in flight" will_show '[0-9]+ held .* 2 -$'
kill -9 "$hold"
wait "$hold" 2>/dev/null
end_helper
check "the module is unloaded under it: it says so and goes on" unload_and_see
load
check "... and comes back with the module" will_show '^No process that locked or unlocked'
keys q
check "q: the terminal is given back" given_back 0
in_tmux kill-server
check "SIGTERM ends it in order" dies TERM 0
check "SIGQUIT gives the terminal back" dies QUIT 131
check "... and SIGSEGV" dies SEGV 139
check "... and SIGHUP" dies HUP 129
unload
