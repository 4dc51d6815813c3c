// SPDX-License-Identifier: GPL-2.0
/*
 * Put what different witnesses saw of the mlock family into one form.
 *
 * Usage: witness events FILE
 *        witness ftrace FILE
 *        witness strace PREFIX.TID ...
 *
 *   events  lines of /dev/mlock2mon
 *   ftrace  the trace file, with the system call events of the family
 *   strace  files of strace -ff -X raw
 *
 * One line a call: TID CALL ADDR LEN FLAGS RET, numbers in hexadecimal but the
 * first and the last, in the order of the input. An event that stands for several
 * calls is as many lines; one that is about no call (exit) is none. Anything not
 * understood is an error, for a witness must not be silent about what it did not
 * understand.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum call { MLOCK2, MLOCK, MUNLOCK, MLOCKALL, MUNLOCKALL, NR_CALLS };

static const char * const call_names[] = {
	"mlock2", "mlock", "munlock", "mlockall", "munlockall"
};

struct record {
	long tid;
	enum call call;
	uint64_t addr;
	uint64_t len;
	uint32_t flags;
	long ret;
};

static const char *file_name;
static unsigned long line_number;

__attribute__((noreturn))
static void bad(const char *what, const char *line)
{
	fprintf(stderr, "witness: %s:%lu: %s: %s\n", file_name, line_number, what, line);
	exit(1);
}

static void print(const struct record *r)
{
	printf("%ld %s 0x%llx 0x%llx 0x%x %ld\n", r->tid, call_names[r->call],
	       (unsigned long long)r->addr, (unsigned long long)r->len, r->flags, r->ret);
}

static enum call find_call(const char *name, size_t len)
{
	enum call call;

	for (call = 0; call < NR_CALLS; call++) {
		if (strlen(call_names[call]) == len && !memcmp(call_names[call], name, len))
			break;
	}
	return call;
}

/* Arguments as the call takes them: one is flags, two a range, three both. */
static bool set_arguments(struct record *r, const uint64_t *arg, int n)
{
	static const int want[] = { 3, 2, 2, 1, 0 };

	r->addr = 0;
	r->len = 0;
	r->flags = 0;
	if (n >= 2) {
		r->addr = arg[0];
		r->len = arg[1];
	}
	if (n == 1 || n == 3)
		r->flags = arg[n - 1];
	return n == want[r->call];
}

static uint64_t number(const char *text, int base, const char *line, char **end)
{
	uint64_t value;

	if (!strncmp(text, "NULL", 4)) {
		*end = (char *)text + 4;
		return 0;
	}
	errno = 0;
	value = strtoull(text, end, base);
	if (errno || *end == text)
		bad("not a number", line);
	return value;
}

/* ---- events --------------------------------------------------------------------------- */

/* No earlier key of a line can be taken for one of these: comm's quotes are escaped. */
static const char *value_of(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	if (!at)
		bad("key missing", line);
	return at + strlen(key);
}

static uint32_t flags_of(enum call call, const char *at, const char *line)
{
	static const struct {
		const char *name;
		uint32_t mlock2;
		uint32_t all;
	} names[] = {
		{ "CURRENT", 0, 1 }, { "FUTURE", 0, 2 }, { "ONFAULT", 1, 4 },
	};
	uint32_t flags = 0, bit;
	size_t len, i;
	char *end;

	for (;; at += len + 1) {
		len = strcspn(at, " |\n");
		bit = 0;
		for (i = 0; i < 3; i++) {
			if (strlen(names[i].name) == len && !memcmp(names[i].name, at, len))
				bit = call == MLOCK2 ? names[i].mlock2 : names[i].all;
		}
		if (!bit)
			bit = number(at, 0, line, &end);
		if (flags & bit)
			bad("a flag twice", line);
		flags |= bit;
		if (at[len] != '|')
			return flags;
	}
}

/* How many calls an event stands for; @at is where nothing is the user's any more. */
static unsigned long repeat_of(const char *at, const char *line)
{
	const char *repeat = strstr(at, " repeat=");
	char *end;

	return repeat ? number(repeat + strlen(" repeat="), 10, line, &end) : 1;
}

static void take_event(const char *line)
{
	struct record r;
	unsigned long n;
	const char *at;
	char *end;

	if (strncmp(line, "seq=", 4))
		bad("not an event", line);
	at = value_of(line, " call=");
	if (!strncmp(at, "exit ", 5))
		return;
	r.call = find_call(at, strcspn(at, " "));
	if (r.call == NR_CALLS)
		bad("unknown call", line);
	r.tid = number(value_of(line, " tid="), 10, line, &end);
	/* From the last quote on nothing is the user's. */
	at = strrchr(line, '"');
	if (!at)
		bad("no comm", line);
	r.addr = number(value_of(at, " addr="), 16, line, &end);
	r.len = number(value_of(at, " len="), 10, line, &end);
	r.flags = flags_of(r.call, value_of(at, " flags="), line);
	r.ret = strtol(value_of(at, " ret="), NULL, 10);
	for (n = repeat_of(at, line); n; n--)
		print(&r);
}

/* ---- strace --------------------------------------------------------------------------- */

static long strace_result(const char *at, const char *line)
{
	static const struct {
		const char *name;
		int error;
	} names[] = {
		{ "EPERM", EPERM }, { "ENOMEM", ENOMEM }, { "EAGAIN", EAGAIN },
		{ "EINTR", EINTR }, { "EINVAL", EINVAL },
	};
	size_t i;

	if (!strcmp(at, "0\n"))
		return 0;
	if (strncmp(at, "-1 ", 3))
		bad("unknown result", line);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strncmp(at + 3, names[i].name, strlen(names[i].name)))
			return -names[i].error;
	}
	bad("unknown error", line);
}

static void take_strace(const char *line, long tid)
{
	struct record r = { .tid = tid };
	uint64_t arg[3];
	const char *at;
	char *end;
	int n = 0;

	/* Signals, exits, and the change between 32-bit and 64-bit calls. */
	if (!strncmp(line, "---", 3) || !strncmp(line, "+++", 3) || !strncmp(line, "[ ", 2) ||
	    !strncmp(line, "strace: ", 8))
		return;
	r.call = find_call(line, strcspn(line, "("));
	if (r.call == NR_CALLS)
		bad("unknown call", line);
	at = line + strcspn(line, "(") + 1;
	while (*at != ')') {
		if (n == 3)
			bad("too many arguments", line);
		arg[n++] = number(at, 0, line, &end);
		at = end + strspn(end, ", ");
	}
	if (!set_arguments(&r, arg, n))
		bad("wrong number of arguments", line);
	at = strstr(at, "= ");
	if (!at)
		bad("no result", line);
	r.ret = strace_result(at + 2, line);
	print(&r);
}

/* ---- ftrace --------------------------------------------------------------------------- */

#define MAX_TASKS	4096

/* What a task entered and has not yet left. */
static struct record inside[MAX_TASKS];
static size_t nr_inside;

static struct record *find_inside(long tid)
{
	size_t i;

	for (i = 0; i < nr_inside; i++) {
		if (inside[i].tid == tid)
			return &inside[i];
	}
	return NULL;
}

static void ftrace_enter(long tid, enum call call, const char *at, const char *line)
{
	struct record *r = find_inside(tid);
	uint64_t arg[3];
	char *end;
	int n = 0;

	if (r)
		bad("enters twice", line);
	if (nr_inside == MAX_TASKS)
		bad("too many tasks", line);
	r = &inside[nr_inside++];
	r->tid = tid;
	r->call = call;
	at++;
	while (*at != ')') {
		at = strstr(at, ": ");
		if (n == 3 || !at)
			bad("arguments", line);
		arg[n++] = number(at + 2, 16, line, &end);
		at = end;
	}
	if (!set_arguments(r, arg, n))
		bad("wrong number of arguments", line);
}

static void ftrace_exit(long tid, enum call call, const char *at, const char *line)
{
	struct record *r = find_inside(tid);
	char *end;

	if (!r || r->call != call)
		bad("leaves what it did not enter", line);
	r->ret = (int64_t)number(at, 16, line, &end);
	print(r);
	*r = inside[--nr_inside];
}

static void take_ftrace(const char *line)
{
	const char *cpu = strstr(line, " [");
	const char *at = strstr(line, ": sys_");
	enum call call;
	size_t len;
	long tid;

	if (line[0] == '#')
		return;
	if (!cpu || !at)
		bad("not an event", line);
	while (cpu > line && cpu[-1] == ' ')
		cpu--;
	while (cpu > line && cpu[-1] != '-')
		cpu--;
	tid = strtol(cpu, NULL, 10);
	at += strlen(": sys_");
	len = strcspn(at, "( ");
	call = find_call(at, len);
	if (call == NR_CALLS)
		bad("unknown call", line);
	at += len;
	if (*at == '(')
		ftrace_enter(tid, call, at, line);
	else if (!strncmp(at, " -> ", 4))
		ftrace_exit(tid, call, at + 4, line);
	else
		bad("neither enters nor leaves", line);
}

/* ---- files ---------------------------------------------------------------------------- */

static void take_file(const char *how, const char *name)
{
	const char *dot = strrchr(name, '.');
	FILE *file = fopen(name, "r");
	char line[4096];

	file_name = name;
	line_number = 0;
	if (!file)
		bad(strerror(errno), "");
	while (fgets(line, sizeof(line), file)) {
		line_number++;
		if (!strcmp(how, "events"))
			take_event(line);
		else if (!strcmp(how, "ftrace"))
			take_ftrace(line);
		else
			take_strace(line, dot ? atol(dot + 1) : 0);
	}
	if (ferror(file))
		bad("cannot be read", "");
	fclose(file);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3 || (strcmp(argv[1], "events") && strcmp(argv[1], "ftrace") &&
			 strcmp(argv[1], "strace"))) {
		fputs("usage: witness events|ftrace|strace FILE ...\n", stderr);
		return 2;
	}
	for (i = 2; i < argc; i++)
		take_file(argv[1], argv[i]);
	if (nr_inside)
		bad("a task entered and did not leave", "");
	if (fflush(stdout) || ferror(stdout))
		bad(strerror(errno), "");
	return 0;
}
