// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * The parser and the writers of the mlock2mon command, fed with lines that the
 * module writes, that a later one might write, and that none should.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../tools/record.c"
#include "../tools/text.c"
#include "../tools/event.c"
#include "../tools/counters.c"
#include "../tools/facts.c"
#include "../tools/processes.c"
#include "../tools/choose.c"
#include "../tools/libmlock2mon.c"
#include "../format.c"

#include "jsonlines.h"

#define HEAD	"seq=42 ts=1234.567890123 cpu=1 call=mlock2 pid=731 tid=731 uid=1000 "
#define TAIL	" addr=0x7f31c4a00000 len=65536 flags=ONFAULT ret=-12 errno=ENOMEM dur_ns=1830 " \
		"locked_kb=8192 delta_kb=0 limit_kb=8192 cap=0 cgroup=4711 why=limit short_kb=64"
#define LOSS_OF_ALL "lost=18446744073709551615 seq=1..18446744073709551615"
#define LINE	HEAD "comm=\"gpg-agent\"" TAIL

void *tool_grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	assert_non_null(mem);
	return mem;
}

/* What is parsed lies in memory of its exact size, so that ASan sees a step too far. */
static bool parse(struct record *rec, const char *line, char **copy)
{
	size_t len = strlen(line);

	*copy = malloc(len ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, line, len);
	return record_parse(rec, *copy, len);
}

static bool parses(const char *line)
{
	struct record rec;
	char *copy;
	bool ok = parse(&rec, line, &copy);

	free(copy);
	return ok;
}

enum form {
	AS_JSON,
	AS_TEXT,
};

/* The line as it is shown, to be freed. */
static char *shown(const char *line, enum form form)
{
	struct event_view view = { 0 };
	struct record rec;
	char *text = NULL, *copy;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_true(parse(&rec, line, &copy));
	if (form == AS_JSON)
		event_json(out, &rec);
	else
		event_text(out, &rec, &view);
	fclose(out);
	free(copy);
	assert_int_equal(text[len - 1], '\n');
	if (form == AS_JSON)
		assert_true(jsonl_is_object(text, len - 1));
	return text;
}

static void expect(const char *line, enum form form, const char *want)
{
	char *text = shown(line, form);

	assert_string_equal(text, want);
	free(text);
}

static void expect_part(const char *line, enum form form, const char *want)
{
	char *text = shown(line, form);

	if (!strstr(text, want))
		fail_msg("no '%s' in: %s", want, text);
	free(text);
}

static void expect_comm(const char *escaped, const char *json)
{
	char line[1024], want[1024];

	snprintf(line, sizeof(line), HEAD "comm=\"%s\"" TAIL, escaped);
	snprintf(want, sizeof(want), "\"uid\":1000,\"comm\":\"%s\",\"addr\":", json);
	expect_part(line, AS_JSON, want);
}

static void a_record_is_one_json_object(void **state)
{
	(void)state;
	expect(LINE, AS_JSON,
	       "{\"seq\":42,\"ts\":1234.567890123,\"cpu\":1,\"call\":\"mlock2\",\"pid\":731,"
	       "\"tid\":731,\"uid\":1000,\"comm\":\"gpg-agent\",\"addr\":\"0x7f31c4a00000\","
	       "\"len\":65536,\"flags\":\"ONFAULT\",\"ret\":-12,\"errno\":\"ENOMEM\","
	       "\"dur_ns\":1830,\"locked_kb\":8192,\"delta_kb\":0,\"limit_kb\":8192,"
	       "\"cap\":false,\"cgroup\":4711,\"why\":\"limit\",\"short_kb\":64}\n");
}

static void attributes_are_booleans_and_no_limit_is_null(void **state)
{
	(void)state;
	expect("seq=1 call=mlock limit_kb=unlimited cap=1 likely=1 compat=1 capns=1 racy=1 "
	       "onfault=1 untracked=1", AS_JSON,
	       "{\"seq\":1,\"call\":\"mlock\",\"limit_kb\":null,\"cap\":true,\"likely\":true,"
	       "\"compat\":true,\"capns\":true,\"racy\":true,\"onfault\":true,"
	       "\"untracked\":true}\n");
}

static void unknown_keys_are_carried_along(void **state)
{
	(void)state;
	expect("seq=1 call=mlock x=7 y=-1.5 z=0x1f w=\"a b\" v=007 u=1e5 t=- "
	       "s=unlimited", AS_JSON,
	       "{\"seq\":1,\"call\":\"mlock\",\"x\":7,\"y\":-1.5,\"z\":\"0x1f\",\"w\":\"a b\","
	       "\"v\":\"007\",\"u\":\"1e5\",\"t\":\"-\",\"s\":\"unlimited\"}\n");
	expect_part(LINE " x=7 y=z", AS_TEXT, "over RLIMIT_MEMLOCK by 64 KiB");
}

static void loss_is_an_object_of_its_own(void **state)
{
	struct record rec;
	char *copy;

	(void)state;
	expect("lost=37 seq=43..79", AS_JSON, "{\"lost\":37,\"first\":43,\"last\":79}\n");
	expect("lost=37 seq=43..79 new=1", AS_JSON,
	       "{\"lost\":37,\"first\":43,\"last\":79,\"new\":1}\n");
	expect("lost=37 seq=43..79 unfiltered=1", AS_JSON,
	       "{\"lost\":37,\"first\":43,\"last\":79,\"unfiltered\":true}\n");
	expect_part("lost=37 seq=43..79 unfiltered=1", AS_TEXT,
		    " before being read, perhaps not all of them asked for\n");
	expect_part("lost=37 seq=43..79", AS_TEXT, "*** 37 records lost here: seq 43 to 79");
	expect_part("lost=1 seq=5..5", AS_TEXT, "*** 1 record lost here");
	assert_true(parse(&rec, LOSS_OF_ALL, &copy));
	assert_true(rec.kind == RECORD_LOSS && rec.lost == UINT64_MAX);
	free(copy);
}

static void loss_that_does_not_add_up_is_refused(void **state)
{
	static const char *const bad[] = {
		"lost=36 seq=43..79", "lost=0 seq=43..42", "lost=1 seq=43", "lost=1 seq=43.43",
		"lost=1 seq=..43", "lost=1 seq=43..", "lost=x seq=43..79", "lost=37",
		"lost=1 seq=.", "lost=37 sex=43..79",
		"lost=0 seq=0..18446744073709551615", "lost=1 seq=..",
		"lost=18446744073709551616 seq=1..1", "lost=2 seq=18446744073709551615..0",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(parses(bad[i]));
}

static void a_name_cannot_forge_a_key(void **state)
{
	(void)state;
	expect_comm("x ret=0 errno=0", "x ret=0 errno=0");
	expect_comm("a\\\" ret=0 b=\\\"", "a\\\" ret=0 b=\\\"");
	expect_comm("\\\\", "\\\\");
	expect_comm("\\\\\\\"", "\\\\\\\"");
	expect_comm("x\\x0aseq=43", "x\\u000aseq=43");
	expect_comm("", "");
	expect_comm("123", "123");
	expect_comm("true", "true");
}

static void a_name_becomes_utf8(void **state)
{
	(void)state;
	expect_comm("caf\\xc3\\xa9", "caf\xc3\xa9");
	expect_comm("\\xe2\\x82\\xac", "\xe2\x82\xac");
	expect_comm("\\xf0\\x9f\\x94\\x92", "\xf0\x9f\x94\x92");
	expect_comm("caf\xc3\xa9", "caf\xc3\xa9");
}

#define REPLACED	"\xef\xbf\xbd"

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	(void)state;
	expect_comm("\\xff", REPLACED);
	expect_comm("a\\xc3", "a" REPLACED);
	expect_comm("\\xc3b", REPLACED "b");
	expect_comm("\\xc3\\xc3\\xa9", REPLACED "\xc3\xa9");
	expect_comm("\\xc0\\xaf", REPLACED REPLACED);
	expect_comm("\\xe0\\x80\\x80", REPLACED REPLACED REPLACED);
	expect_comm("\\xed\\xa0\\x80", REPLACED REPLACED REPLACED);
	expect_comm("\\xf4\\x90\\x80\\x80", REPLACED REPLACED REPLACED REPLACED);
	expect_comm("\\xf0\\x9f\\x94", REPLACED REPLACED REPLACED);
	expect_comm("\\x80", REPLACED);
	expect_comm("\xff\xfe", REPLACED REPLACED);
}

static void control_characters_are_spelled_out(void **state)
{
	(void)state;
	expect_comm("\\x00\\x01\\x1b[31m\\x7f", "\\u0000\\u0001\\u001b[31m\\u007f");
	expect_comm("\\xc2\\x9b", "\\u009b");
	expect_comm("\\xe2\\x80\\xae", "\\u202e");
	expect_comm("\\xe2\\x80\\xa8", "\\u2028");
	expect_comm("\x1b\x07", "\\u001b\\u0007");
	expect_part(HEAD "comm=\"\\x1b[31m\"" TAIL, AS_TEXT, " \\x1b[31m ");
	expect_part(HEAD "comm=\"\\xc2\\x9b\"" TAIL, AS_TEXT, " \\xc2\\x9b ");
	expect_part(HEAD "comm=\"\x1b[2J\"" TAIL, AS_TEXT, " \\x1b[2J ");
	expect_part("seq=1 call=\x1b[2J flags=\x9b", AS_TEXT, " \\x1b[2J ");
	expect_part("seq=1 call=mlock why=\x1b[2J", AS_TEXT, " \\x1b[2J\n");
}

#define NAME_LEN	5
#define NAMES		3125	/* of that length, of five characters */

/* The name of that number, as the device has it, is written for people. */
static char *plain_name(int number)
{
	static const char *const escaped[] = { "\\\\", "x", "0", "a", "\\x0a" };
	char name[4 * NAME_LEN + 1] = "", *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	for (i = 0; i < NAME_LEN; i++, number /= 5)
		strcat(name, escaped[number % 5]);
	plain_escaped(out, span_of(name));
	fclose(out);
	return text;
}

static int by_text(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Among them those that spell out what others have. */
static void names_that_differ_look_different(void **state)
{
	static char *name[NAMES];
	int i;

	(void)state;
	for (i = 0; i < NAMES; i++)
		name[i] = plain_name(i);
	qsort(name, NAMES, sizeof(name[0]), by_text);
	for (i = 1; i < NAMES; i++)
		assert_string_not_equal(name[i - 1], name[i]);
	for (i = 0; i < NAMES; i++)
		free(name[i]);
	expect_part(HEAD "comm=\"a\\\\x0ab\"" TAIL, AS_TEXT, " a\\x5cx0ab ");
	expect_part(HEAD "comm=\"a\\\\xyz\"" TAIL, AS_TEXT, " a\\xyz ");
}

/* A string that ends where its memory does. */
static void expect_tight(const char *text, const char *want)
{
	size_t len = strlen(text), written;
	char *copy = malloc(len), *json = NULL;
	FILE *out = open_memstream(&json, &written);

	assert_non_null(copy);
	memcpy(copy, text, len);
	json_escaped(out, (struct span){ copy, len });
	fclose(out);
	assert_string_equal(json, want);
	free(json);
	free(copy);
}

static void unfinished_escapes_stand_for_themselves(void **state)
{
	(void)state;
	expect_comm("\\x", "\\\\x");
	expect_comm("\\x1", "\\\\x1");
	expect_comm("\\xg0", "\\\\xg0");
	expect_comm("\\n", "\\\\n");
	expect_comm("\\xFF", "\\\\xFF");
	expect_tight("\\", "\"\\\\\"");
	expect_tight("\\x", "\"\\\\x\"");
	expect_tight("\\x1", "\"\\\\x1\"");
	expect_tight("\xe2\x82", "\"" REPLACED REPLACED "\"");
}

static void every_truncation_is_refused_or_valid(void **state)
{
	char line[sizeof(LINE)];
	size_t len;

	(void)state;
	for (len = 0; len < strlen(LINE); len++) {
		memcpy(line, LINE, len);
		line[len] = '\0';
		if (parses(line))
			free(shown(line, AS_JSON));
	}
	assert_false(parses(""));
	assert_false(parses("seq=42"));
	assert_false(parses("seq=42 ts=1.000000000 "));
	assert_false(parses(HEAD "comm=\"gpg"));
	assert_false(parses(HEAD "comm=\"gpg\\"));
	assert_false(parses(HEAD "comm=\"gpg\\\""));
	assert_false(parses(HEAD "comm="));
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const bad[] = {
		"garbage", " seq=1 call=mlock", "seq=1  call=mlock", "seq=1 call=mlock ",
		"call=mlock seq=1", "seq=-1 call=mlock", "seq=x call=mlock", "seq= call=mlock",
		"seq=18446744073709551616 call=mlock", "seq=1 call=mlock call=munlock",
		"seq=1 call=mlock =x", "seq=1 call=\"a\"b=1", "seq=1 call=a\"b\"",
		"seq=1\tcall=mlock",
		"seq=1 call=mlock a.b=1", "seq=\"1\" ",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parses(bad[i]))
			fail_msg("taken for a record: %s", bad[i]);
	}
}

static void too_many_keys_are_refused(void **state)
{
	char line[RECORD_FIELDS * 12 + 32];
	size_t i, len = sprintf(line, "seq=1 call=mlock");

	(void)state;
	for (i = 2; i < RECORD_FIELDS; i++)
		len += sprintf(line + len, " k%zu=1", i);
	free(shown(line, AS_JSON));
	sprintf(line + len, " more=1");
	assert_false(parses(line));
}

static void a_value_may_be_very_long(void **state)
{
	size_t len = 1 << 20;
	char *line = malloc(len + 64);
	char *text;

	(void)state;
	assert_non_null(line);
	strcpy(line, "seq=1 call=mlock comm=\"");
	memset(line + strlen(line), 'x', len);
	strcpy(line + 23 + len, "\"");
	text = shown(line, AS_JSON);
	assert_int_equal(strlen(text) - len,
			 strlen("{\"seq\":1,\"call\":\"mlock\",\"comm\":\"\"}\n"));
	free(text);
	free(line);
}

static void numbers_of_any_size_stay_exact(void **state)
{
	(void)state;
	expect_part("seq=1 call=mlock len=18446744073709551615", AS_JSON,
		    "\"len\":18446744073709551615");
	expect_part("seq=1 call=mlock len=18446744073709551615", AS_TEXT, " 16.0E ");
	expect_part("seq=1 call=mlock ts=99999999999999999999.000000000 "
		    "dur_ns=18446744073709551615", AS_TEXT,
		    " 99999999999999999999.000000000 ");
	expect_part("seq=1 call=mlock ts=1.5", AS_TEXT, " 1.5 ");
}

static void a_failure_is_told_in_words(void **state)
{
	(void)state;
	expect(LINE, AS_TEXT,
	       "      42     1234.567890 gpg-agent       731         mlock2     64K     ONFAULT"
	       "        ENOMEM  1.8us    over RLIMIT_MEMLOCK by 64 KiB (locked 8192 KiB, limit "
	       "8192 KiB, no CAP_IPC_LOCK)\n");
	expect_part(LINE " likely=1 capns=1", AS_TEXT,
		    " probably over RLIMIT_MEMLOCK by 64 KiB (locked 8192 KiB, limit 8192 KiB, "
		    "no CAP_IPC_LOCK but in another user namespace)\n");
	expect_part("seq=1 call=mlock why=maps max_maps=65530 likely=1", AS_TEXT,
		    " probably too many mappings (vm.max_map_count 65530)\n");
	expect_part("seq=1 call=shmctl limit_kb=64 cap=0 why=perm likely=1", AS_TEXT,
		    " probably another user's segment and no CAP_IPC_LOCK\n");
	expect_part("seq=1 call=shmctl limit_kb=0 cap=0 why=perm", AS_TEXT,
		    " RLIMIT_MEMLOCK is 0 and no CAP_IPC_LOCK\n");
	expect_part("seq=1 call=mlock why=populate delta_kb=8", AS_TEXT,
		    " a page cannot be brought in, yet 8 KiB more locked\n");
	expect_part("seq=1 call=mlock why=hole delta_kb=0", AS_TEXT,
		    " part of the range is not mapped\n");
	expect_part("seq=1 call=mlock why=brandnew", AS_TEXT, " brandnew\n");
	expect_part("seq=1 call=mlock why=already likely=1 racy=1 compat=1", AS_TEXT,
		    " probably already so, changed nothing [32-bit] [overlapped with another call]\n");
}

static void a_success_tells_what_changed(void **state)
{
	(void)state;
	expect_part("seq=1 call=mlock errno=0 locked_kb=96 delta_kb=64", AS_TEXT,
		    " ok      -        +64 KiB, now 96 KiB locked\n");
	expect_part("seq=1 call=munlock errno=0 locked_kb=32 delta_kb=-64", AS_TEXT,
		    " -64 KiB, now 32 KiB locked\n");
	expect_part("seq=1 call=mlockall len=0 errno=0 locked_kb=32 delta_kb=0", AS_TEXT,
		    " all     -              ok      -        32 KiB locked\n");
	expect_part("seq=1 call=mlock pid=7 tid=8", AS_TEXT, " 7/8 ");
}

static void little_headroom_is_told(void **state)
{
	(void)state;
	expect_part("seq=1 call=mlock errno=0 locked_kb=60 limit_kb=64 cap=0 why=near_limit "
		    "headroom_kb=4", AS_TEXT, " ok      -        little is left under "
		    "RLIMIT_MEMLOCK: 4 KiB (locked 60 KiB, limit 64 KiB, no CAP_IPC_LOCK)\n");
}

static void repeats_are_told_with_their_end(void **state)
{
	(void)state;
	expect_part("seq=1 call=mlock errno=ENOMEM why=hole repeat=41 last=16.184407520", AS_TEXT,
		    " part of the range is not mapped; 41 more times until 16.184407\n");
	expect_part("seq=1 call=mlock errno=ENOMEM why=hole repeat=1 last=16.184407520", AS_TEXT,
		    "; 1 more time until 16.184407\n");
	expect_part("seq=1 call=mlock repeat=2 last=16.184407520", AS_JSON,
		    ",\"repeat\":2,\"last\":16.184407520}");
}

static void a_task_that_leaves_tells_its_totals(void **state)
{
	(void)state;
	expect_part("seq=1 call=exit len=65536 flags=0 errno=0 delta_kb=0 calls=3 failures=1 "
		    "peak_kb=64 held_kb=0", AS_TEXT, " exit       64K     -              -       "
		    "-        3 calls, 1 failed; at most 64 KiB locked, none at the end\n");
	expect_part("seq=1 call=exit delta_kb=-8 calls=1 failures=0 peak_kb=64 held_kb=8", AS_TEXT,
		    " 1 call, 0 failed; at most 64 KiB locked, 8 KiB at the end, given back\n");
	expect_part("seq=1 call=exit delta_kb=0 calls=1 failures=0 peak_kb=64 held_kb=8", AS_TEXT,
		    " 8 KiB at the end, kept by other threads\n");
	expect_part("seq=1 call=exit calls=1 failures=0 peak_kb=64 held_kb=8", AS_JSON,
		    ",\"calls\":1,\"failures\":0,\"peak_kb\":64,\"held_kb\":8}");
}

static void what_is_no_call_of_the_family_is_told(void **state)
{
	(void)state;
	expect_part("seq=1 call=exec len=0 errno=0 locked_kb=0 delta_kb=-64", AS_TEXT,
		    " exec       -       -              -       -        memory of the old program "
		    "given back: -64 KiB, now 0 KiB locked\n");
	expect_part("seq=1 call=other len=0 errno=0 locked_kb=4 delta_kb=4", AS_TEXT,
		    " by something that is not watched: +4 KiB, now 4 KiB locked\n");
	expect_part("seq=1 call=stack len=0 errno=0 locked_kb=8 delta_kb=4", AS_TEXT,
		    " a locked stack grew: +4 KiB, now 8 KiB locked\n");
	expect_part("seq=1 call=mremap len=8192 errno=0 locked_kb=8 delta_kb=4 old_len=4096 "
		    "new_addr=0x0", AS_TEXT, " was 4K, +4 KiB, now 8 KiB locked\n");
	expect_part("seq=1 call=mmap flags=PRIVATE|LOCKED errno=0 locked_kb=8 delta_kb=4", AS_TEXT,
		    " PRIVATE|LOCKED ok ");
	expect_part("seq=1 call=mlock errno=0 locked_kb=8 ns_pid=5 ns_tid=5", AS_TEXT,
		    " [in its namespace 5]\n");
	expect_part("seq=1 call=mlock errno=0 locked_kb=8 ns_pid=5 ns_tid=6", AS_TEXT,
		    " [in its namespace 5/6]\n");
	expect_part("seq=1 call=mlock errno=? why=blocked", AS_TEXT,
		    " ?       -        never reached the kernel function\n");
}

/* --- options that choose --- */

static void choices_become_a_filter(void **state)
{
	struct mlock2mon_filter filter = { 0 };

	(void)state;
	assert_true(choose(&filter, CHOOSE_CALL, "mlock2,exit"));
	assert_true(choose(&filter, CHOOSE_CALL, "mlock"));
	assert_true(choose(&filter, CHOOSE_PID, "731"));
	assert_true(choose(&filter, CHOOSE_UID, "4294967295"));
	assert_true(choose(&filter, CHOOSE_CGROUP, "18446744073709551615"));
	assert_true(choose(&filter, CHOOSE_FAILED, NULL));
	assert_true(choose(&filter, CHOOSE_MIN_BYTES, "8K"));
	assert_true(choose(&filter, CHOOSE_MIN_TIME, "15ms"));
	assert_true(choose(&filter, CHOOSE_NEAR, "64"));
	assert_int_equal(filter.fields, MLOCK2MON_FILTER_ALL);
	assert_int_equal(filter.calls, 1 << MLOCK2MON_MLOCK2 | 1 << MLOCK2MON_MLOCK |
			 1 << MLOCK2MON_EXIT);
	assert_int_equal(filter.tgid, 731);
	assert_int_equal(filter.uid, UINT32_MAX);
	assert_int_equal(filter.cgroup, UINT64_MAX);
	assert_int_equal(filter.min_bytes, 8192);
	assert_int_equal(filter.min_dur_ns, 15000000);
	assert_int_equal(filter.near_bytes, 65536);
	assert_true(mlmon_filter_valid(&filter));
}

static void bad_choices_are_refused(void **state)
{
	static const struct {
		enum choice	what;
		const char	*argument;
	} bad[] = {
		{ CHOOSE_CALL, "" }, { CHOOSE_CALL, "mlock," }, { CHOOSE_CALL, "mloc" },
		{ CHOOSE_CALL, "?" }, { CHOOSE_CALL, ",mlock" }, { CHOOSE_PID, "" },
		{ CHOOSE_PID, "2147483648" }, { CHOOSE_PID, "-1" }, { CHOOSE_UID, "root" },
		{ CHOOSE_UID, "4294967296" }, { CHOOSE_CGROUP, "18446744073709551616" },
		{ CHOOSE_MIN_BYTES, "K" }, { CHOOSE_MIN_BYTES, "1KB" },
		{ CHOOSE_MIN_BYTES, "16777216T" }, { CHOOSE_MIN_TIME, "5" },
		{ CHOOSE_MIN_TIME, "ms" }, { CHOOSE_MIN_TIME, "1.5s" },
		{ CHOOSE_MIN_TIME, "18446744074s" }, { CHOOSE_NEAR, "0" },
		{ CHOOSE_NEAR, "18014398509481984" }, { CHOOSE_NEAR, "4K" },
	};
	struct mlock2mon_filter filter;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		filter = (struct mlock2mon_filter){ 0 };
		if (choose(&filter, bad[i].what, bad[i].argument))
			fail_msg("taken for a choice: %s", bad[i].argument);
	}
}

static void every_reason_has_words(void **state)
{
	static const char *const token[] = {
		"flags", "range", "perm", "limit", "hole", "maps", "populate", "nomem", "killed",
		"already", "empty", "unlockable", "near_limit", "blocked", "other",
	};
	size_t i;

	(void)state;
	assert_int_equal(ARRAY_SIZE(token), MLOCK2MON_NR_WHYS - 1);
	for (i = 0; i < ARRAY_SIZE(token); i++)
		assert_non_null(why_words(span_of("mlock"), span_of(token[i])));
	assert_null(why_words(span_of("mlock"), span_of("limi")));
}

static void sizes_and_durations_read_well(void **state)
{
	char buf[TEXT_SIZE_MAX];

	(void)state;
	assert_string_equal(size_text(0, buf), "0");
	assert_string_equal(size_text(1023, buf), "1023");
	assert_string_equal(size_text(1024, buf), "1K");
	assert_string_equal(size_text(5000, buf), "4.9K");
	assert_string_equal(size_text(65536, buf), "64K");
	assert_string_equal(size_text(8 << 20, buf), "8M");
	assert_string_equal(size_text(1ULL << 60, buf), "1E");
	assert_string_equal(duration_text(999, buf), "999ns");
	assert_string_equal(duration_text(1830, buf), "1.8us");
	assert_string_equal(duration_text(2500000, buf), "2.5ms");
	assert_string_equal(duration_text(61000000000, buf), "61.00s");
}

/* --- the files of /proc --- */

static FILE *file_of(const char *text)
{
	FILE *in = tmpfile();

	assert_non_null(in);
	fputs(text, in);
	rewind(in);
	return in;
}

static void expect_counters(const char *text, const char *want)
{
	struct counters all;
	FILE *in = file_of(text);
	char *json = NULL;
	size_t len;
	FILE *out = open_memstream(&json, &len);

	assert_true(counters_read(&all, in));
	putc('{', out);
	counters_json(out, &all);
	putc('}', out);
	fclose(out);
	assert_true(jsonl_is_object(json, len));
	assert_string_equal(json, want);
	free(json);
	fclose(in);
	counters_free(&all);
}

static void counters_become_objects(void **state)
{
	(void)state;
	expect_counters("version 0.1\nload_id 0000000000000012\nprobe.mlock2.x64 active\n"
			"probe.mlock2.ia32 inactive ENOENT\nmlock2.entries 3\nmlock2.why.limit 2\n"
			"ring.records 64\nmlock2.later 5\n",
			"{\"version\":\"0.1\",\"load_id\":\"0000000000000012\",\"probe\":{\"mlock2\":"
			"{\"x64\":\"active\",\"ia32\":\"inactive ENOENT\"}},\"mlock2\":{\"entries\":3,"
			"\"why\":{\"limit\":2},\"later\":5},\"ring\":{\"records\":64}}");
	expect_counters("a 1\na.b 2\na 3\n.x 4\ny. 5\n",
			"{\"a\":1,\"\":{\"x\":4},\"y\":{\"\":5}}");
}

static void bad_counters_are_refused(void **state)
{
	static const char *const bad[] = { "", "a\n", "a 1", " a\n", "a\x20\n", "a 1\n\n", "\n" };
	struct counters all;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		FILE *in = file_of(bad[i]);

		assert_false(counters_read(&all, in));
		counters_free(&all);
		fclose(in);
	}
}

#define ROW_SSH	"900 900 0 ssh 4 - 64 0 1 0 4096 10 10 5.000000001 5.000000001 0 - x\n"
#define ROW_731	"731 731 1000 a\\x20b\\xff 47 8192 9000 0 3 1 50 10 8 11.500000000 13.000000000 " \
		"ENOMEM - x\n"
#define ROW_735	"731 735 1000 worker 47 8192 8192 1 5 2 100 20 9 12.000000001 14.000000000 " \
		"EAGAIN - x\n"
#define COLUMNS	"pid tid uid comm cgroup locked_kb peak_kb onfault calls failures bytes " \
		"total_ns max_ns first last errno"

static bool read_processes(struct processes *all, const char *text)
{
	FILE *in = file_of(text);
	bool ok = processes_read(all, in);

	fclose(in);
	return ok;
}

static void threads_are_added_up_and_memory_is_not(void **state)
{
		static const char want[] =
		"[{\"pid\":731,\"uid\":1000,\"comm\":\"a b" REPLACED "\",\"cgroup\":47,\"tasks\":2,"
		"\"locked_kb\":8192,\"peak_kb\":9000,\"onfault\":true,\"calls\":8,\"failures\":3,"
		"\"bytes\":150,\"total_ns\":30,\"max_ns\":9,\"first\":11.500000000,"
		"\"last\":14.000000000,\"errno\":\"EAGAIN\"},"
		"{\"pid\":900,\"uid\":0,\"comm\":\"ssh\",\"cgroup\":4,\"tasks\":1,\"locked_kb\":null,"
		"\"peak_kb\":64,\"onfault\":false,\"calls\":1,\"failures\":0,\"bytes\":4096,"
		"\"total_ns\":10,\"max_ns\":10,\"first\":5.000000001,\"last\":5.000000001,"
		"\"errno\":0}]";
	struct processes all;
	char *json = NULL;
	size_t len;
	FILE *out = open_memstream(&json, &len);

	(void)state;
	assert_true(read_processes(&all, COLUMNS " mlock2 new\n" ROW_SSH ROW_735 ROW_731));
	processes_json(out, &all, BY_PROCESS);
	fclose(out);
	assert_string_equal(json, want);
	free(json);
	processes_free(&all);
}

static void bad_tables_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "\n", "pid tid\n", COLUMNS, COLUMNS "\n1 2 3\n", COLUMNS "\n\n",
		COLUMNS "\n1 1 0 x 1 x 1 0 1 0 1 1 1 1.000000000 1.000000000 0\n",
		COLUMNS "\n1 1 0 x 1 1 1 0 1 0 1 1 1 1.000000000 1.000000000 0",
		COLUMNS "\n1 1 0 x 1 1 1 0 1 0 1 1 1 11.5 1.000000000 0\n",
	};
	struct processes all;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(read_processes(&all, bad[i]));
		processes_free(&all);
	}
	assert_true(read_processes(&all, COLUMNS "\n"));
	assert_int_equal(all.nr, 0);
	processes_free(&all);
}

/* Any bytes: no crash, and what is taken for a record is shown as one line of JSON. */
static void random_lines_do_no_harm(void **state)
{
	static const char *const piece[] = {
		"seq=", "lost=", "call=mlock", " ", " ", "\"", "\\", "\\x", "\\xc3", "\\xa9",
		"=", "..",
		"1", "18446744073709551616", "comm=\"", "\" ", "why=limit", "\xff", "\x1b",
		"ts=1.", "-",
	};
	unsigned int seed = 1, round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char line[512] = "";
		unsigned int i, pieces = rand_r(&seed) % 24;

		if (rand_r(&seed) % 2)
			strcpy(line, "seq=1 call=mlock comm=\"");
		for (i = 0; i < pieces; i++)
			strcat(line, piece[rand_r(&seed) % (ARRAY_SIZE(piece))]);
		if (parses(line)) {
			free(shown(line, AS_JSON));
			free(shown(line, AS_TEXT));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_one_json_object),
		cmocka_unit_test(attributes_are_booleans_and_no_limit_is_null),
		cmocka_unit_test(unknown_keys_are_carried_along),
		cmocka_unit_test(loss_is_an_object_of_its_own),
		cmocka_unit_test(loss_that_does_not_add_up_is_refused),
		cmocka_unit_test(a_name_cannot_forge_a_key),
		cmocka_unit_test(a_name_becomes_utf8),
		cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
		cmocka_unit_test(control_characters_are_spelled_out),
		cmocka_unit_test(names_that_differ_look_different),
		cmocka_unit_test(unfinished_escapes_stand_for_themselves),
		cmocka_unit_test(every_truncation_is_refused_or_valid),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(too_many_keys_are_refused),
		cmocka_unit_test(a_value_may_be_very_long),
		cmocka_unit_test(numbers_of_any_size_stay_exact),
		cmocka_unit_test(a_failure_is_told_in_words),
		cmocka_unit_test(a_success_tells_what_changed),
		cmocka_unit_test(little_headroom_is_told),
		cmocka_unit_test(repeats_are_told_with_their_end),
		cmocka_unit_test(a_task_that_leaves_tells_its_totals),
		cmocka_unit_test(what_is_no_call_of_the_family_is_told),
		cmocka_unit_test(choices_become_a_filter),
		cmocka_unit_test(bad_choices_are_refused),
		cmocka_unit_test(every_reason_has_words),
		cmocka_unit_test(sizes_and_durations_read_well),
		cmocka_unit_test(counters_become_objects),
		cmocka_unit_test(bad_counters_are_refused),
		cmocka_unit_test(threads_are_added_up_and_memory_is_not),
		cmocka_unit_test(bad_tables_are_refused),
		cmocka_unit_test(random_lines_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
