# SPDX-License-Identifier: GPL-2.0
# Is it the text format of Prometheus, to the letter, and as its own checker wants it? Says
# what is wrong, and fails. A family has HELP and TYPE, in that order, and then all its
# samples; none is there twice; counters end in _total and nothing else does; buckets of a
# histogram grow up to +Inf, which is its count.

function wrong(what) {
	print "line " NR ": " what ": " $0
	bad = 1
}

function end_buckets() {
	if (bucket != "" && last_le != "+Inf")
		wrong("the buckets before it do not end with +Inf")
	bucket = ""
}

/^# HELP [a-z_][a-z0-9_]* ./ {
	end_buckets()
	if ($3 in help)
		wrong("second HELP")
	help[$3] = 1
	name = $3
	next
}

/^# TYPE [a-z_][a-z0-9_]* (counter|gauge|histogram)$/ {
	if ($3 != name || $3 in type)
		wrong("TYPE is not right behind its HELP")
	type[$3] = $4
	if (($4 == "counter") != ($3 ~ /_total$/))
		wrong("only counters end in _total")
	next
}

# A value of a label: no quote, backslash or newline but escaped.
/^[a-z_][a-z0-9_]*(\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\})? [0-9]+$/ {
	series = substr($0, 1, length($0) - length($NF) - 1)
	of = series
	sub(/\{.*/, "", of)
	if (series in seen)
		wrong("there twice")
	seen[series] = 1
	samples++
	if (type[name] != "histogram") {
		if (of != name)
			wrong("not of the family " name)
		next
	}
	if (of == name "_bucket") {
		who = le = series
		sub(/,le=.*/, "", who)
		sub(/.*,le="/, "", le)
		sub(/"\}$/, "", le)
		if (who != bucket)
			end_buckets()
		else if (last_le == "+Inf" || (le != "+Inf" && le + 0 <= last_le + 0) || $NF + 0 < count)
			wrong("buckets do not grow")
		bucket = who
		last_le = le
		count = $NF + 0
	} else if (of == name "_count") {
		if (last_le != "+Inf" || $NF + 0 != count)
			wrong("not what is in the last bucket")
		bucket = ""
	} else {
		wrong("not of the family " name)
	}
	next
}

{ wrong("is none of it") }

END {
	if (!samples)
		wrong("no samples")
	exit bad
}
