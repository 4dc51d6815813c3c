#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The pictures of `mlock2mon report`: its page in a real browser, without a window, and its
# trace; all forms of a recording that means harm, under the sanitizers, and of a long one, in
# little memory. Runs in the chroot `browser`, prints TAP, and leaves screenshots in
# $BUILD/page.
# shellcheck disable=SC2016 # programs of awk, and of the page
. "${SRC:?}/selftests/lib.sh"

records=20000
port=9515
url=http://127.0.0.1:$port/session
work=$(mktemp -d)
session=

build() {
	make -s -C "$SRC" TOOL="$BUILD/mlock2mon" CFLAGS='-O2 -g -Werror' tool &&
		make -s -C "$SRC" TOOL="$BUILD/san/mlock2mon" tool \
			CFLAGS='-O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover=all' &&
		make -s -C "$SRC/selftests" BIN="$BUILD" "$BUILD/recording"
}

# harmless SEED: no form of such a recording ends otherwise than by saying what is wrong.
harmless() {
	local form file=$work/hostile status bad=0

	recording 40 hostile "$1" >"$file" || return
	for form in --color=never "--raw --call mlock" "--json --near 4" --csv --tracee \
		--tracee-legacy --perfetto --html; do
		status=0
		# shellcheck disable=SC2086 # words
		"$BUILD/san/mlock2mon" report $form "$file" >"$work/out" 2>"$work/err" || status=$?
		if [[ $status -gt 1 ]] || ! grep -q 'is damaged' "$work/err"; then
			echo "$form: $status: $(head -n 5 "$work/err")"
			bad=1
		fi
		case $form in
		--json* | --tracee*) jq -c . "$work/out" >"$work/objects" ;;
		*) continue ;;
		esac || bad=1
		is_same_count || bad=1
	done
	return $bad
}

# is_same_count: of lines and of objects in them.
is_same_count() {
	[[ $(wc -l <"$work/out") -eq $(wc -l <"$work/objects") ]] || { echo "lines are no objects"; return 1; }
}

# flat FORM: that of 300,000 records, which are 55 MiB, in 16 MiB of addresses.
flat() {
	(ulimit -v 16384 && mlock2mon report "$1" "$work/long" >"$work/out")
}

# ask PATH [JSON]: of the browser, the value it answers with; by POST if there is JSON.
ask() {
	local data=()

	(($# < 2)) || data=(-H 'Content-Type: application/json' -d "$2")
	curl -sS --max-time 120 "${data[@]}" "$url$session$1" | jq -c .value
}

start_browser() {
	local options

	mkdir -p "$work/home"
	HOME=$work/home chromedriver --port=$port >"$work/driver.log" 2>&1 &
	driver=$!
	wait_until 60 curl -s -o /dev/null "http://127.0.0.1:$port/status" || return
	options='{"args": ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--window-size=1200,1700", "--hide-scrollbars", "--user-data-dir='$work'/profile"]}'
	session=/$(ask '' '{"capabilities": {"alwaysMatch": {"browserName": "chrome",
		"goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": '"$options"'}}}' |
		jq -r .sessionId)
	[[ $session != /null ]]
}

stop_browser() {
	[[ -z $session ]] || curl -sS --max-time 30 -X DELETE "$url$session" >/dev/null
	[[ -z ${driver-} ]] || { kill "$driver"; wait "$driver"; } 2>/dev/null
	rm -rf "$work"
}

# js EXPRESSION: its value in the page, as JSON.
js() {
	ask /execute/sync "$(jq -n --arg script "return $1" '{script: $script, args: []}')"
}

# click SELECTOR: the first such element, with the mouse, as a person would.
click() {
	local element

	element=$(ask /element "$(jq -n --arg css "$1" '{using: "css selector", value: $css}')" |
		jq -r '.[]?')
	[[ $element ]] && [[ $(ask "/element/$element/click" '{}') == null ]]
}

# picture NAME: of all of the page.
picture() {
	ask /screenshot | jq -r . | base64 -d >"$BUILD/page-$1.png"
	[[ $(head -c 4 "$BUILD/page-$1.png" | tail -c 3) == PNG ]]
}

open_page() {
	ask /url "$(jq -n --arg url "file://$1" '{url: $url}')" >/dev/null
	[[ $(js 'document.body.dataset.drawn') == '"yes"' ]] || { js document.body.innerText; return 1; }
}

# silent: the browser has no complaint.
silent() {
	local said

	said=$(ask /se/log '{"type": "browser"}')
	[[ $said == '[]' ]] || { echo "$said"; return 1; }
}

# of_csv PROGRAM: awk over the rows of calls of the CSV, columns by name in c.
of_csv() {
	mlock2mon report --csv "$work/recording" 2>/dev/null |
		awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next } '"$1"
}

# tile NAME: the number above that word.
tile() {
	js "[...document.querySelectorAll('.tile')].find((t) => t.innerText.includes('$1'))
		.querySelector('b').innerText.replaceAll(',', '')" | jq -r .
}

# shows PROMISE EXPRESSION VALUE
shows() {
	is "$(js "$2")" "$3" "$1"
}

BUILD=$BUILD/page
PATH=$BUILD:$PATH
mkdir -p "$BUILD/san"
plan 38
said=$(build 2>&1) || bail "build: $said"
trap stop_browser EXIT
recording $records lost >"$work/recording" || bail "recording"

mlock2mon report --html "$work/recording" >"$work/page.html" 2>"$work/err"
status=$?
is "$status" 0 "report --html succeeds"
is "$(<"$work/err")" "mlock2mon: 20 records were lost in 20 places" "losses are told"
is "$(grep -cE '(src|href)=|url\(|@import|https?://[^w]' "$work/page.html")" 0 "the page names nothing outside of it"
sed -n 's|.*<script type="application/json" id="data">\(.*\)</script>|\1|p' "$work/page.html" >"$work/data"
check "its numbers are one JSON object" jq -e .calls "$work/data"

start_browser || bail "no browser: $(tail -n 5 "$work/driver.log")"
check "it draws itself" open_page "$work/page.html"
check "the browser has nothing to complain of" silent
shows "it asks for nothing" 'performance.getEntriesByType("resource").length' 0
is "$(tile calls)" "$(of_csv '$c["call"] { n++ } END { print n }')" "it has as many calls as the CSV has rows"
is "$(tile 'failed')" "$(of_csv '$c["call"] && $c["errno"] != "0" { n++ } END { print n }')" "... and failures"
is "$(tile 'lost')" 20 "... and losses"
shows "each process that is shown has a band" 'document.querySelectorAll("path.band").length' 9
shows "the squares of the heat map are all calls" \
	"data.heat.rows.flat().reduce((a, b) => a + b) === data.calls" true
shows "the reasons are all failures" \
	"data.reasons.reduce((a, r) => a + r.failures, 0) === data.failures" true
shows "the marks of failures are all failures" \
	"data.failures_at.reduce((a, b) => a + b) === data.failures" true
is "$(js 'data.reasons.map((r) => r.why + " " + r.failures).sort()' | jq -r '.[]')" \
	"$(of_csv '$c["errno"] != "0" && $c["call"] { n[$c["why"]]++ }
		END { for (w in n) print w, n[w] }' | LC_ALL=C sort)" "failures are counted by their reasons"
shows "a name that looks like HTML is text" \
	'document.querySelectorAll("b b").length + document.body.innerText.includes("<b>&amp;") * 10' 10
shows "labels of the axes do not overlap" '(() => {
	const boxes = [...document.querySelectorAll("svg")].map((s) =>
		[...s.querySelectorAll("text")].map((t) => t.getBoundingClientRect()));
	return boxes.some((b) => b.some((p, i) => b.some((q, j) => i < j && p.left < q.right &&
		q.left < p.right && p.top < q.bottom && q.top < p.bottom)));
})()' false
shows "nothing is wider than the window" 'document.documentElement.scrollWidth <= innerWidth' true

# In the light and in the dark.
shows "it begins in the light" 'document.documentElement.dataset.theme' '"light"'
check "it can be looked at" picture light
check "a click on a process" click '#legend tr:first-child'
shows "... shows it alone" 'document.querySelectorAll("path.band").length' 1
shows "... and dims the others" 'document.querySelectorAll("#legend tr.off").length' 8
check "a click on a reason" click '.bar[data-why="limit"]'
shows "... shows who met it" 'document.querySelectorAll(".detail tbody tr").length >= 3' true
check "a click on Dark" click '#theme'
shows "... makes it dark" 'getComputedStyle(document.body).backgroundColor' '"rgb(20, 23, 27)"'
check "it can be looked at" picture dark
check "all that without a complaint" silent

# The trace: each packet is whole, and each call begins and ends.
mlock2mon report --perfetto "$work/recording" >"$work/trace" 2>/dev/null
protoc --decode_raw <"$work/trace" >"$work/decoded" || bail "protoc: no protobuf"
is "$(grep -c '^    9: 1$' "$work/decoded") $(grep -c '^    9: 2$' "$work/decoded")" \
	"$(of_csv '$c["call"] { n++ } END { print n, n }')" "the trace has a slice for each call"

for seed in 1 2 3; do
	check "a hostile recording does no harm, by chance $seed" harmless $seed
done
recording 300000 >"$work/long"
for form in --raw --json --csv --perfetto --html; do
	check "report $form needs no more memory for a long recording" flat $form
done
