// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * The command itself, with files and no module: what it writes, where, and how it ends. Each
 * test is a script of the shell, in a directory with the recording r.m2m, that must succeed.
 */
#define _GNU_SOURCE
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* The command and what makes recordings are where this program is. */
static int find_programs(void **state)
{
	char self[PATH_MAX] = "", path[2 * PATH_MAX], dir[] = "/tmp/unit-command.XXXXXX";
	const char *before = getenv("PATH");

	(void)state;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !mkdtemp(dir) || chdir(dir))
		return -1;
	snprintf(path, sizeof(path), "%s:%s", dirname(self), before ? before : "/usr/bin:/bin");
	return setenv("PATH", path, 1) || unsetenv("POSIXLY_CORRECT");
}

static int remove_dir(void **state)
{
	(void)state;
	return system("cd / && rm -rf \"$OLDPWD\"");
}

static int fresh_recording(void **state)
{
	(void)state;
	return system("rm -rf ./* && recording 50 >r.m2m");
}

/* fails COMMAND...: set -e does not look at what stands behind an exclamation mark. */
static void holds(const char *script)
{
	static const char before[] = "exec >shown 2>said; fails() { ! \"$@\"; }; set -xe\n";
	char all[4096];

	assert_in_range(snprintf(all, sizeof(all), "%s%s", before, script), 1, sizeof(all) - 1);
	if (!system(all))
		return;
	(void)!system("sed 's/^/# /' said");
	fail_msg("%s", script);
}

/* --- where output goes --- */

static void a_file_is_replaced_when_it_is_complete(void **state)
{
	(void)state;
	holds("mlock2mon report --csv r.m2m >want\n"
	      "mlock2mon report --csv -o new r.m2m; cmp new want\n"
	      "echo old >new\n"
	      "ln new before\n"
	      "mlock2mon report --csv -o new r.m2m; cmp new want\n"
	      "test \"$(cat before)\" = old\n"
	      "test \"$(echo new*)\" = new\n");
}

static void a_file_that_is_replaced_keeps_its_mode(void **state)
{
	(void)state;
	holds("umask 022\n"
	      "mlock2mon report --csv -o new r.m2m\n"
	      "test \"$(stat -c %a new)\" = 644\n"
	      "echo old >old && chmod 600 old\n"
	      "mlock2mon report --csv -o old r.m2m; cmp old new\n"
	      "test \"$(stat -c %a old)\" = 600\n"
	      "mlock2mon metrics -o old || test \"$(stat -c %a old)\" = 600\n");
}

/* It is what the link leads to that is replaced, whether it was there or not. */
static void links_are_followed(void **state)
{
	(void)state;
	holds("mlock2mon report --csv r.m2m >want\n"
	      "mkdir sub && echo old >sub/target\n"
	      "ln -s sub/target link && ln -s sub/none dangling\n"
	      "mlock2mon report --csv -o link r.m2m\n"
	      "test -L link; cmp sub/target want\n"
	      "mlock2mon report --csv -o dangling r.m2m\n"
	      "test -L dangling; cmp sub/none want\n"
	      "fails mlock2mon metrics -p /none -o link\n"
	      "test -L link; grep -q mlock2mon_up sub/target\n"
	      "test \"$(ls sub | wc -l)\" = 2\n"
	      "rm sub/none\n"
	      "fails mlock2mon report --html -o dangling - <said\n"
	      "fails test -e sub/none\n");
}

static void what_is_no_file_is_written_as_it_is(void **state)
{
	(void)state;
	holds("mlock2mon report --csv r.m2m >want\n"
	      "ln -s /proc/self/fd/1 out\n"
	      "mlock2mon report --csv -o out r.m2m | cmp - want\n"
	      "{ echo first; mlock2mon report --csv -o out r.m2m; } >both\n"
	      "test -L out; test \"$(wc -l <both)\" = $(($(wc -l <want) + 1))\n"
	      "mlock2mon metrics -p /none -o out | grep -q mlock2mon_up\n"
	      "mkfifo pipe\n"
	      "cat pipe >piped & mlock2mon metrics -p /none -o pipe || wait\n"
	      "test -p pipe; grep -q mlock2mon_up piped\n"
	      "ln -s /dev/null null\n"
	      "mlock2mon metrics -p /none -o null || test -c null -a -L null\n");
}

/* What was lost might have been left out. */
static void a_loss_is_not_chosen(void **state)
{
	(void)state;
	holds("recording 1500 lost >l.m2m\n"
	      "mlock2mon report --json l.m2m >all; grep -q '\"lost\":1,' all\n"
	      "fails grep unfiltered all\n"
	      "mlock2mon report --json --failed l.m2m | grep -q '\"lost\":1,.*\"unfiltered\":true'\n");
}

/* Its error is in the program's memory, which nobody has looked at. */
static void a_blocked_call_has_no_error(void **state)
{
	(void)state;
	holds("recording 2000 blocked >b.m2m\n"
	      "mlock2mon report --perfetto -o b.pftrace b.m2m\n"
	      "grep -aq 'mlock (blocked)' b.pftrace\n"
	      "fails grep -a EPERM b.pftrace\n"
	      "recording 2000 >c.m2m; mlock2mon report --perfetto -o c.pftrace c.m2m\n"
	      "grep -aqE 'ENOMEM \\(limit\\)|EPERM \\(perm\\)' c.pftrace\n");
}

static void a_recording_is_not_written_over_itself(void **state)
{
	(void)state;
	holds("cp r.m2m before && ln r.m2m other && ln -s r.m2m link\n"
	      "for out in r.m2m other link; do\n"
	      "	fails mlock2mon report --csv -o $out r.m2m 2>err\n"
	      "	grep -q 'is the recording itself' err\n"
	      "	fails mlock2mon report --csv -o $out - <r.m2m\n"
	      "	cmp r.m2m before; cmp $out before\n"
	      "done\n"
	      "fails timeout 5 mlock2mon report --csv r.m2m >>r.m2m\n"
	      "cmp r.m2m before\n");
}

/* Whatever becomes of the output, nothing is left beside it. */
static void a_hangup_leaves_nothing_behind(void **state)
{
	(void)state;
	holds("mkfifo pipe\n"
	      "mlock2mon report --csv -o out - <pipe &\n"
	      "exec 3>pipe\n"
	      "cat r.m2m >&3\n"
	      "until set -- out.* && test -e $1; do sleep 0.1; done\n"
	      "sleep 0.5\n"
	      "kill -HUP $!\n"
	      "exec 3>&-\n"
	      "wait $! || true\n"
	      "set -- out.*\n"
	      "fails test -e $1\n");
}

/* A file that is opened does not become standard output, or standard error. */
static void closed_descriptors_stay_out_of_files(void **state)
{
	(void)state;
	holds("cp r.m2m before\n"
	      "mlock2mon report --csv r.m2m >want\n"
	      "mlock2mon report --csv -o x.csv r.m2m >&-; cmp x.csv want\n"
	      "mlock2mon report --csv -o x.csv r.m2m 2>&- <&-; cmp x.csv want\n"
	      "fails mlock2mon report --csv r.m2m >&-\n"
	      "fails mlock2mon report --csv - <&-\n"
	      "head -c 700 r.m2m >cut\n"
	      "cp cut before\n"
	      "fails mlock2mon report --csv cut 2>&- >&-\n"
	      "fails mlock2mon report --csv -o x.csv cut 2>&- >&-\n"
	      "cmp cut before\n"
	      "echo seq,lost | cmp -n 8 - x.csv\n"
	      "fails grep mlock2mon x.csv\n");
}

/* --- recordings that are not as they should be --- */

static void two_recordings_are_not_taken_for_one(void **state)
{
	(void)state;
	holds("mlock2mon report --csv r.m2m >want\n"
	      "cat r.m2m r.m2m >both\n"
	      "for file in both -; do\n"
	      "	fails mlock2mon report --csv $file <both >got 2>err\n"
	      "	cmp got want\n"
	      "	grep \"behind its end: $(stat -c %s r.m2m) bytes were not looked at\" err\n"
	      "done\n"
	      "fails mlock2mon report --html both >page 2>err\n"
	      "grep -q '</html>' page\n"
	      "grep 'behind its end' err\n");
}

/* Heads of blocks of 256 KiB, which are none. */
static void a_hostile_recording_takes_no_time(void **state)
{
	(void)state;
	holds("head -c 512 r.m2m >bad\n"
	      "printf 'BLK2\\1\\0\\0\\0\\0\\0\\4\\0xxxx' >heads\n"
	      "head -c 16 /dev/zero >>heads\n"
	      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do\n"
	      "	cat heads - <heads >more; mv more heads\n"
	      "done\n"
	      "cat heads >>bad\n"
	      "fails timeout 60 mlock2mon report --csv bad 2>err\n"
	      "grep 'is given up' err\n");
}

/* --- the files of the module --- */

#define STATS	"mkdir proc; printf 'version 1\\nmlock.entries 1\\n' >proc/stats\n"
#define TASKS	"echo pid tid uid comm cgroup locked_kb peak_kb onfault calls failures bytes "	\
		"total_ns max_ns first last errno >proc/tasks\n"

/* A series has one value, and a row one name. */
static void names_make_series_of_their_own(void **state)
{
	(void)state;
	holds(STATS TASKS
	      "printf '%s\\n' '7 7 0 a\\x0ab 1 4 4 0 1 0 1 1 1 1.000000000 1.000000000 0' "
	      "'8 8 0 a\\\\x0ab 1 8 8 0 1 0 1 1 1 1.000000000 1.000000000 0' >>proc/tasks\n"
	      "mlock2mon metrics -p proc -c 9 >metrics\n"
	      "test $(grep -c '^mlock2mon_command.*{.*a.*b' metrics) = 2\n"
	      "test $(grep '^mlock2mon_command' metrics | sed 's/ [^ ]*$//' | sort -u | wc -l) = 3\n"
	      "mlock2mon stat -p proc --by command | awk 'NR > 1 { print $NF }' | sort -u >rows\n"
	      "test $(wc -l <rows) = 2\n");
}

/* It is named, and the rest is as if there were no module. */
static void a_file_that_is_not_understood_is_named(void **state)
{
	(void)state;
	holds(STATS TASKS
	      "printf 'from_ns mlock\\n0 3\\n1024 2\\n' >proc/latency\n"
	      "mlock2mon metrics -p proc >metrics\n"
	      "grep -q '_count{call=.mlock.} 5$' metrics\n"
	      "for file in latency tasks stats; do\n"
	      "	cp proc/$file good; echo what >proc/$file\n"
	      "	fails mlock2mon metrics -p proc >metrics 2>err\n"
	      "	grep -Fx \"mlock2mon: proc/$file was not understood\" err\n"
	      "	test $(grep -c '^mlock2mon: ' err) = 1\n"
	      "	fails mlock2mon metrics -p proc -o written 2>err\n"
	      "	grep -Fx \"mlock2mon: proc/$file was not understood\" err\n"
	      "	test $(grep -c '^mlock2mon: ' err) = 1\n"
	      "	test \"$(grep -v '^#' metrics)\" = 'mlock2mon_up 0'\n"
	      "	cmp metrics written\n"
	      "	cp good proc/$file\n"
	      "done\n");
}

/* --- options without a command --- */

static void options_alone_are_those_of_stat(void **state)
{
	(void)state;
	holds(STATS TASKS
	      "for options in '-a' '--all' '--json' '-j' '--by user'; do\n"
	      "	mlock2mon stat $options -p proc >want\n"
	      "	mlock2mon $options -p proc | cmp - want\n"
	      "done\n"
	      "mlock2mon --version | grep -q ^mlock2mon\n"
	      "for options in '--version junk' '--no-such' '-Q' '-a junk'; do\n"
	      "	mlock2mon $options || test $? = 2\n"
	      "	fails mlock2mon $options\n"
	      "done\n");
}

/* As two forms do. */
static void options_without_effect_are_misuse(void **state)
{
	(void)state;
	holds("mlock2mon report --wall --color=always r.m2m\n"
	      "for form in --json --raw --csv --tracee --tracee-legacy --perfetto --html; do\n"
	      "	mlock2mon report $form r.m2m\n"
	      "	for option in --wall --color=always --color=auto; do\n"
	      "		mlock2mon report $form $option r.m2m || test $? = 2\n"
	      "		fails mlock2mon report $option $form r.m2m 2>err\n"
	      "		grep 'has no effect' err\n"
	      "		mlock2mon events -n $option $form -d r.m2m || test $? = 2\n"
	      "	done\n"
	      "done\n");
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_recording)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_replaced_when_it_is_complete),
		TEST(a_file_that_is_replaced_keeps_its_mode),
		TEST(links_are_followed),
		TEST(what_is_no_file_is_written_as_it_is),
		TEST(a_loss_is_not_chosen),
		TEST(a_blocked_call_has_no_error),
		TEST(a_recording_is_not_written_over_itself),
		TEST(a_hangup_leaves_nothing_behind),
		TEST(closed_descriptors_stay_out_of_files),
		TEST(two_recordings_are_not_taken_for_one),
		TEST(a_hostile_recording_takes_no_time),
		TEST(names_make_series_of_their_own),
		TEST(a_file_that_is_not_understood_is_named),
		TEST(options_alone_are_those_of_stat),
		TEST(options_without_effect_are_misuse),
	};

	return cmocka_run_group_tests(tests, find_programs, remove_dir);
}
