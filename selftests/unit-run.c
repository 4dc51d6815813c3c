// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * mlock2mon run, with a device that is made up: where the account goes, and what is said of
 * what went wrong.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../tools/outfile.c"
#include "../tools/record.c"
#include "../tools/text.c"
#include "../tools/watch.c"
#include "../tools/run.c"

static bool breaks;	/* the device, at the first record */
static bool missing;	/* the device */
static int opened;

/* --- the device --- */

struct mlock2mon *mlock2mon_open(const char *path, unsigned int flags)
{
	(void)path;
	(void)flags;
	opened++;
	if (missing) {
		errno = ENOENT;
		return NULL;
	}
	return (struct mlock2mon *)&opened;
}

void mlock2mon_close(struct mlock2mon *reader)
{
	(void)reader;
}

int mlock2mon_fd(const struct mlock2mon *reader)
{
	(void)reader;
	return -1;
}

int mlock2mon_get_info(struct mlock2mon *reader, struct mlock2mon_info *info)
{
	(void)reader;
	memset(info, 0, sizeof(*info));
	info->next = 2;
	return 0;
}

int mlock2mon_seek(struct mlock2mon *reader, enum mlock2mon_place place, uint64_t seq)
{
	(void)reader;
	(void)place;
	(void)seq;
	return 0;
}

int mlock2mon_set_watermark(struct mlock2mon *reader, uint32_t records)
{
	(void)reader;
	(void)records;
	return 0;
}

int mlock2mon_next(struct mlock2mon *reader, struct mlock2mon_record *rec)
{
	(void)reader;
	(void)rec;
	errno = EOVERFLOW;
	return breaks ? -1 : 0;
}

const char *mlock2mon_call_name(unsigned int call)
{
	(void)call;
	return "mlock";
}

/* --- what else is not here: nothing of it has to do with errors --- */

void family_begin(struct family *f)
{
	f->fd = -1;
}

void family_end(struct family *f)
{
	(void)f;
}

void family_add(struct family *f, uint32_t pid)
{
	(void)f;
	(void)pid;
}

/* As a socket that has nothing does. */
void family_update(struct family *f)
{
	(void)f;
	errno = EAGAIN;
}

bool family_has(struct family *f, uint32_t pid, uint32_t ppid)
{
	(void)f;
	(void)pid;
	(void)ppid;
	return true;
}

struct story *stories_add(struct stories *all, const struct mlock2mon_record *rec)
{
	(void)all;
	(void)rec;
	return NULL;
}

void stories_free(struct stories *all)
{
	(void)all;
}

bool facts_read(struct facts *facts, const char *proc, pid_t pid)
{
	(void)facts;
	(void)proc;
	(void)pid;
	return false;
}

bool origin_alive(const char *proc, uint32_t pid, uint64_t start_ns)
{
	(void)proc;
	(void)pid;
	(void)start_ns;
	return false;
}

/* It asks for what is not there, as the real one does. */
void explain_watch(FILE *out, const struct watch *w)
{
	(void)w;
	fputs("explained\n", out);
	errno = ENOENT;
}

int tool_help(const struct command *cmd)
{
	(void)cmd;
	return TOOL_DONE;
}

int tool_misused(const struct command *cmd)
{
	(void)cmd;
	return TOOL_MISUSED;
}

int tool_cannot_open(const char *path, const char *standard)
{
	(void)path;
	(void)standard;
	return TOOL_FAILED;
}

void *tool_grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	assert_non_null(mem);
	return mem;
}

/* --- a run --- */

#define DIR	"/tmp/unit-run"

static char said[4096];

static void read_file(const char *path, char *to, size_t room)
{
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	to[fread(to, 1, room - 1, in)] = '\0';
	fclose(in);
}

/* The status; what comes on standard error is in @said. */
static int run_it(const char *file, const char *script)
{
	const char *const argv[] = { "run", "-o", file, "sh", "-c", script, NULL };
	int before = dup(STDERR_FILENO);
	int status, fd = open(DIR "/said", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	assert_true(fd >= 0 && before >= 0);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	optind = 0;
	status = run_main(NULL, 6, (char **)argv);
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);
	read_file(DIR "/said", said, sizeof(said));
	return status;
}

static bool is_said(const char *words)
{
	bool found = strstr(said, words);

	if (!found)
		print_error("not there: %s\nin: %s\n", words, said);
	return found;
}

static int begin(void **state)
{
	(void)state;
	breaks = false;
	missing = false;
	return system("rm -rf " DIR " && mkdir " DIR);
}

static int end(void **state)
{
	(void)state;
	return system("rm -rf " DIR);
}

static void the_account_is_in_the_file(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(run_it(DIR "/file", "echo x >&2; exit 7"), 7);
	assert_string_equal(said, "x\n");
	read_file(DIR "/file", text, sizeof(text));
	assert_non_null(strstr(text, "mlock2mon: sh took"));
	assert_non_null(strstr(text, "explained\n"));
}

/* The command may take hours. */
static void a_file_that_cannot_be_is_told_before(void **state)
{
	(void)state;
	assert_int_equal(run_it(DIR "/none/file", "touch " DIR "/ran"), TOOL_FAILED);
	assert_true(is_said("mlock2mon: cannot write " DIR "/none/file: No such file"));
	assert_int_not_equal(access(DIR "/ran", F_OK), 0);
}

static void a_full_disk_does_not_take_the_account(void **state)
{
	(void)state;
	assert_int_equal(run_it("/dev/full", "touch " DIR "/ran"), TOOL_FAILED);
	assert_int_equal(access(DIR "/ran", F_OK), 0);
	assert_true(is_said("cannot write /dev/full: No space left on device"));
	assert_true(is_said("mlock2mon: sh took"));
	assert_true(is_said("explained\n"));
}

/* Not what came of what was done until the command had ended. */
static void the_error_of_the_device_is_told(void **state)
{
	(void)state;
	breaks = true;
	assert_int_equal(run_it(DIR "/file", "exit 3"), 3);
	assert_true(is_said("cannot read the device to the end: Value too large"));
}

/* A link and what it leads to stay, and so does the file until there is a new one. */
static void a_file_is_replaced_when_it_is_complete(void **state)
{
	char text[4096];
	struct stat st;

	(void)state;
	assert_int_equal(system("cd " DIR " && echo before >file && chmod 640 file &&"
				"ln -s file link"), 0);
	assert_int_equal(run_it(DIR "/link", "cat " DIR "/file >&2"), 0);
	assert_string_equal(said, "before\n");
	read_file(DIR "/file", text, sizeof(text));
	assert_non_null(strstr(text, "mlock2mon: sh took"));
	assert_int_equal(stat(DIR "/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(lstat(DIR "/link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_run_that_cannot_begin_takes_nothing(void **state)
{
	char text[4096];

	(void)state;
	missing = true;
	assert_int_equal(system("echo before >" DIR "/file"), 0);
	assert_int_equal(run_it(DIR "/file", "touch " DIR "/ran"), TOOL_FAILED);
	assert_int_not_equal(access(DIR "/ran", F_OK), 0);
	read_file(DIR "/file", text, sizeof(text));
	assert_string_equal(text, "before\n");
	assert_int_equal(system("[ \"$(ls " DIR ")\" = \"$(printf 'file\nsaid')\" ]"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_account_is_in_the_file, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_is_told_before, begin, end),
		cmocka_unit_test_setup_teardown(a_full_disk_does_not_take_the_account, begin, end),
		cmocka_unit_test_setup_teardown(the_error_of_the_device_is_told, begin, end),
		cmocka_unit_test_setup_teardown(a_file_is_replaced_when_it_is_complete, begin, end),
		cmocka_unit_test_setup_teardown(a_run_that_cannot_begin_takes_nothing, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
