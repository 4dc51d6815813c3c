# SPDX-License-Identifier: GPL-2.0
# Make tables of what bench-guest.sh left: its file subjects, then samples sorted by
# ticks. Variables: format, md or json.

# rest N: the text from word N on.
function rest(n, text)
{
	text = $0
	while (--n)
		sub(/^[^ ]+ /, "", text)
	return text
}

function quoted(text)
{
	gsub(/["\\]/, "\\\\&", text)
	gsub(/[^ -~]/, "?", text)
	return "\"" text "\""
}

# The values of each come in ascending order.
function add_sample(round, key, ticks)
{
	value[key, ++number[key]] = ticks
	if (!((round, key) in seen)) {
		seen[round, key] = 1
		last_minimum[key] = ticks
	}
}

function minimum(key)
{
	return value[key, 1]
}

function median(key, n)
{
	n = number[key]
	return (value[key, int((n + 1) / 2)] + value[key, int(n / 2) + 1]) / 2
}

# spread: the largest less the smallest of the minima of the rounds.
function spread(key)
{
	return last_minimum[key] - minimum(key)
}

function md_row(call, contender, key, base)
{
	key = contender SUBSEP call
	base = contenders[1] SUBSEP call
	printf "| %s | %s | ", call, contender
	if (!number[key])
		print "not available | | | | |"
	else if (key == base)
		printf "%.0f | %.0f | | | %.0f |\n", minimum(key), median(key), spread(key)
	else
		printf "%.0f | %.0f | %+.0f | %+.0f | %.0f |\n", minimum(key), median(key),
			minimum(key) - minimum(base), median(key) - median(base), spread(key)
}

function md(i, c)
{
	printf "## Linux %s\n\n", release
	printf "Instructions of one call, kernel and user space, under QEMU -icount; %d rounds.\n", rounds
	print "Added: compared with " contenders[1] ". Spread: of the minima of the rounds.\n"
	print "| call | contender | min | median | added (min) | added (median) | spread |"
	print "|---|---|--:|--:|--:|--:|--:|"
	for (c = 1; c <= nr_calls; c++)
		for (i = 1; i <= nr_contenders; i++)
			md_row(calls[c], contenders[i])
	print ""
	for (c = 1; c <= nr_calls; c++)
		print "* " calls[c] ": " text[calls[c]]
	for (i = 1; i <= nr_contenders; i++)
		print "* " contenders[i] ": " text[contenders[i]] \
			(contenders[i] in missing ? "; not available: " missing[contenders[i]] : "")
}

function json_row(call, contender, key, base)
{
	key = contender SUBSEP call
	base = contenders[1] SUBSEP call
	printf "    {\"call\": %s, \"contender\": %s, ", quoted(call), quoted(contender)
	if (!number[key]) {
		printf "\"error\": %s}", quoted(missing[contender])
		return
	}
	printf "\"samples\": %d, \"min\": %.1f, \"median\": %.1f, ", number[key], minimum(key), median(key)
	printf "\"added_min\": %.1f, \"added_median\": %.1f, \"spread\": %.1f}",
		minimum(key) - minimum(base), median(key) - median(base), spread(key)
}

function json(i, c)
{
	printf "{\n  \"kernel\": %s,\n  \"unit\": \"instructions\",\n  \"rounds\": %d,\n", quoted(release), rounds
	print "  \"results\": ["
	for (c = 1; c <= nr_calls; c++)
		for (i = 1; i <= nr_contenders; i++) {
			json_row(calls[c], contenders[i])
			print (c == nr_calls && i == nr_contenders) ? "" : ","
		}
	print "  ]\n}"
}

$1 == "kernel" { release = $2; next }
$1 == "rounds" { rounds = $2; next }
$1 == "call" { calls[++nr_calls] = $2; text[$2] = rest(3); next }
$1 == "contender" { contenders[++nr_contenders] = $2; text[$2] = rest(3); next }
$1 == "missing" { missing[$2] = rest(3); next }
{ add_sample($1, $2 SUBSEP $3, $4) }

END {
	if (format == "json")
		json()
	else
		md()
}
