# SPDX-License-Identifier: GPL-2.0
# Read the TAP of one test. Print "PASSED FAILED SKIPPED", then what to show of
# the failures. Variables: status, the exit status; left, what was wrong afterwards.
# Anything that is not as promised, such as a plan not kept, is one failure more.

function wrong(text)
{
	failed++
	gsub(/\n/, "\n  ", text)
	shown = shown "  " text "\n"
}

/^1\.\.[0-9]+/ {
	if (planned)
		wrong("a second plan: " $0)
	planned = 1
	plan = substr($1, 4) + 0
	if (plan == 0 && /# SKIP/)
		skipped++
	next
}

/^(not )?ok( |$)/ {
	showing = 0
	results++
	number = ($1 == "not") ? $3 : $2
	if (!planned && results == 1)
		wrong("a result before the plan")
	if (number != results)
		wrong("result " results " is numbered " number)
	if ($1 == "not") {
		wrong($0)
		showing = 1
	} else if (/# SKIP/) {
		skipped++
	} else {
		passed++
	}
	next
}

/^Bail out!/ {
	wrong($0)
	bailed = 1
	next
}

showing && /^#/ {
	shown = shown "  " $0 "\n"
}

END {
	if (!planned)
		wrong("no plan")
	else if (results != plan && !bailed)
		wrong("planned " plan " results, gave " results + 0)
	if (status != 0 && !failed)
		wrong("exit status " status)
	if (left != "")
		wrong(left)
	print passed + 0, failed + 0, skipped + 0
	printf "%s", shown
}
