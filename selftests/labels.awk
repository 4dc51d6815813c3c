# SPDX-License-Identifier: GPL-2.0
# Do the barriers of the files given have partners? A barrier's line, or the one above it,
# says "LABEL" or "LABEL, pairs with LABEL"; the head of the file lists the pairs, as
# "LABEL / LABEL", with "in FILE" after one that is elsewhere. Prints what does not agree.

BEGIN {
	label = "[a-z_]+:[A-Z]"
	pair = "^ \\* +" label "( in [a-z0-9_]+\\.[ch])? */ " label
	barrier = "smp_(mb|rmb|wmb|store|load)|(atomic|cmpxchg|xchg)[a-z0-9_]*_(acquire|release)" \
		"|__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)"
}

# take(TEXT): the first label in it; $rest is what follows.
function take(text)
{
	if (!match(text, label))
		return ""
	rest = substr(text, RSTART + RLENGTH)
	return substr(text, RSTART, RLENGTH)
}

FNR == 1 {
	above = ""
}

$0 ~ pair {
	first = take($0)
	told[FILENAME, first, take(rest)] = FILENAME ": " first " / "
	next
}

# Other lines of comments are prose.
/^[ \t]*\*([ \t\/]|$)/ {
	next
}

{
	comment = match($0, /\/\*/) ? substr($0, RSTART) : ""
	code = comment == "" ? $0 : substr($0, 1, RSTART - 1)
	first = take(comment)
	if (first != "") {
		carried[first] = FILENAME
		if (rest ~ "^,? pairs with " label)
			named[FILENAME, first, take(rest)] = 1
	}
	if (code ~ barrier && first == "" && take(above) == "")
		print FILENAME ":" FNR ": a barrier without a label"
	above = code ~ barrier ? "" : comment
}

END {
	for (key in named) {
		split(key, part, SUBSEP)
		partnered[part[2]] = partnered[part[3]] = 1
		if (!(part[3] in carried))
			print part[1] ": " part[2] " pairs with " part[3] ", which no barrier carries"
		if (!((part[1], part[2], part[3]) in told) && !((part[1], part[3], part[2]) in told))
			print part[1] ": the head does not list " part[2] " with " part[3]
	}
	for (key in told) {
		split(key, part, SUBSEP)
		for (i = 2; i <= 3; i++)
			if (!(part[i] in carried))
				print part[1] ": the head lists " part[i] ", which no barrier carries"
		found = 0
		for (other in named) {
			split(other, its, SUBSEP)
			if ((its[2] == part[2] && its[3] == part[3]) ||
			    (its[2] == part[3] && its[3] == part[2]))
				found = 1
		}
		if (!found)
			print told[key] part[3] ": none of the two names the other"
	}
	for (one in carried)
		if (!(one in partnered))
			print carried[one] ": " one " has no partner"
}
