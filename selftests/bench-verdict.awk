# SPDX-License-Identifier: GPL-2.0
# From the medians that the parts of the benchmark left to the rows of a table that holds them
# against what was aimed at:
#	awk [-v kernel=NAME] -f bench-verdict.awk MEDIANS ...
# The part is the directory of the file, after its last `-`. What was not measured has no row; a
# ratio to what could not be measured has that error.

BEGIN {
	FS = OFS = "\t"
	table = "targets" (kernel == "" ? "" : ", Linux " kernel)
}

# low, high: of a series of rows.
function spread(name, column, r, v, low, high)
{
	if (!nr_rows[name])
		return ""
	for (r = 1; r <= nr_rows[name]; r++) {
		v = cell[name, row[name, r], column]
		low = r == 1 || v < low ? v : low
		high = r == 1 || v > high ? v : high
	}
	return low > 0 ? (high / low - 1) * 100 : ""
}

function has(name, r, column)
{
	return (name, r, column) in cell
}

function of(name, r, column)
{
	return cell[name, r, column]
}

function print_row(what, measured, kind, target, missed)
{
	print table, what, "measured", sprintf("%.2f", measured)
	print table, what, kind, target
	if (kind == "at most")
		missed = measured - target
	else
		missed = target - measured
	if (missed <= 0)
		print table, what, "verdict", "text: met"
	else if (target == 0 || what ~ /%/)
		print table, what, "verdict", sprintf("text: missed by %.2f", missed)
	else
		print table, what, "verdict", sprintf("text: missed by %.1f %%", missed * 100 / target)
}

# How much dearer than the module another watcher is.
function compare(what, other, least, min)
{
	min = "added (min)"
	if (!has("cost", "mlock2mon", min))
		return
	if (has("cost", other, min))
		print_row(what, of("cost", other, min) / of("cost", "mlock2mon", min), "at least", least)
	else if (("cost", other) in error)
		print table, what, "verdict", error["cost", other]
}

# How many times as much one way to read spends on a record as another.
function slower(what, way, other, least, column)
{
	column = "instructions a record"
	if (has("delivery", way, column) && has("delivery", other, column))
		print_row(what, of("delivery", other, column) / of("delivery", way, column),
			"at least", least)
	else if (("delivery", other) in error)
		print table, what, "verdict", error["delivery", other]
}

function flat(what, name, column, percent)
{
	percent = spread(name, column)
	if (percent != "")
		print_row(what, percent, "at most", 10)
}

function one(what, name, r, column, kind, target)
{
	if (has(name, r, column))
		print_row(what, of(name, r, column), kind, target)
	else if ((name, r) in error)
		print table, what, "verdict", error[name, r]
}

# What the module takes against the floor, on four processors and on one.
function contention(name, column)
{
	if (has(name, "4 processors", column) && has(name, "1 processors", column))
		print_row("contention: time by that of the floor module, 4 processors by 1",
			of(name, "4 processors", column) / of(name, "1 processors", column),
			"at most", 1.1)
}

# Tables of the growth part have long names; its kind of growth is the end of them.
FNR == 1 {
	part = FILENAME
	sub("/[^/]*$", "", part)
	sub(".*-", "", part)
}
{
	name = $1
	if (part == "delivery" || part == "start")
		name = part
	if (part == "growth" || part == "contention")
		sub(/^.*(added to mlock2\(\), by |nanoseconds of mlock2\(\), |added to munmap\(\) )/, "growth, ", name)
	if ($4 ~ /^error:/) {
		error[name, $2] = $4
		next
	}
	if (!((name, $2) in known)) {
		known[name, $2]
		row[name, ++nr_rows[name]] = $2
	}
	cell[name, $2, $3] = $4
}

END {
	one("added, times the floor", "cost", "mlock2mon", "times the floor", "at most", 2.0)
	one("added, times the floor, at its best", "cost", "mlock2mon", "times the floor", "at most", 1.6)
	compare("ftrace syscall events : mlock2mon", "ftrace syscall events", 1.4)
	compare("ftrace kprobe events : mlock2mon", "ftrace kprobe events", 2.5)
	compare("bpftrace : mlock2mon", "bpftrace", 4.9)
	flat("growth with tracked tasks, %", "growth, tasks that are tracked", "added")
	flat("growth with readers, %", "growth, readers that wait", "added")
	flat("growth from empty to full ring, %", "growth, the state of the ring", "added")
	one("instructions added to munmap() of a process that locks nothing",
	    "growth, in a process that locks nothing", "the module", "added", "at most", 0)
	contention("growth, all processors at once", "module : empty probes")
	one("text, times as fast as trace_pipe", "delivery", "device, text",
	    "times as fast as trace_pipe", "at least", 2)
	one("mapped ring, times as fast as trace_pipe", "delivery", "device, mapped",
	    "times as fast as trace_pipe", "at least", 20)
	slower("trace-cmd report : mlock2mon report --json", "mlock2mon report --json",
	    "trace-cmd report", 5)
	slower("trace-cmd report : mlock2mon report --csv", "mlock2mon report --csv",
	    "trace-cmd report", 8)
	one("bpftrace, times as long to the first event", "start", "bpftrace",
	    "times as long as insmod, cat", "at least", 20)
}
