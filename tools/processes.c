// SPDX-License-Identifier: GPL-2.0
/*
 * The processes behind the rows of /proc/mlock2mon/tasks. A row is a thread,
 * locked memory belongs to the process: calls are added up, memory is not.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "processes.h"
#include "record.h"
#include "text.h"
#include "tool.h"

#define NS_PER_S	1000000000

/* Columns are found by their names, so that others may be added. */
enum column {
	PID, TID, UID, COMM, CGROUP, LOCKED, PEAK, ONFAULT, CALLS, FAILURES, BYTES, TOTAL, MAX,
	FIRST, LAST, ERRNO, NR_COLUMNS
};

static const char *const column_name[NR_COLUMNS] = {
	"pid", "tid", "uid", "comm", "cgroup", "locked_kb", "peak_kb", "onfault", "calls",
	"failures", "bytes", "total_ns", "max_ns", "first", "last", "errno",
};

struct layout {
	size_t	place[NR_COLUMNS];
};

static bool next_cell(struct span *line, struct span *cell)
{
	while (line->len && *line->at == ' ') {
		line->at++;
		line->len--;
	}
	cell->at = line->at;
	while (line->len && *line->at != ' ') {
		line->at++;
		line->len--;
	}
	cell->len = line->at - cell->at;
	return cell->len;
}

static bool read_header(struct layout *layout, struct span line)
{
	struct span cell;
	size_t nr, i, found = 0;

	for (nr = 0; next_cell(&line, &cell); nr++) {
		for (i = 0; i < NR_COLUMNS; i++) {
			if (!span_is(cell, column_name[i]))
				continue;
			layout->place[i] = nr;
			found |= (size_t)1 << i;
		}
	}
	return found == ((size_t)1 << NR_COLUMNS) - 1;
}

static bool read_cells(struct span cells[NR_COLUMNS], const struct layout *layout,
		       struct span line)
{
	struct span cell;
	size_t nr, i, found = 0;

	for (nr = 0; next_cell(&line, &cell); nr++) {
		for (i = 0; i < NR_COLUMNS; i++) {
			if (layout->place[i] != nr)
				continue;
			cells[i] = cell;
			found++;
		}
	}
	return found == NR_COLUMNS;
}

static char *copy_span(struct span span)
{
	char *copy = tool_grow(NULL, span.len + 1);

	memcpy(copy, span.at, span.len);
	copy[span.len] = '\0';
	return copy;
}

static bool read_row(struct process *p, const struct layout *layout, struct span line)
{
	struct span cell[NR_COLUMNS];
	uint64_t onfault;

	*p = (struct process){ .tasks = 1, .processes = 1 };
	if (!read_cells(cell, layout, line))
		return false;
	p->locked_known = span_u64(cell[LOCKED], &p->locked_kb);
	if (!p->locked_known && !span_is(cell[LOCKED], "-"))
		return false;
	if (!span_u64(cell[PID], &p->pid) || !span_u64(cell[TID], &p->tid) ||
	    !span_u64(cell[UID], &p->uid) || !span_u64(cell[CGROUP], &p->cgroup) ||
	    !span_u64(cell[PEAK], &p->peak_kb) || !span_u64(cell[ONFAULT], &onfault) ||
	    !span_u64(cell[CALLS], &p->calls) || !span_u64(cell[FAILURES], &p->failures) ||
	    !span_u64(cell[BYTES], &p->bytes) || !span_u64(cell[TOTAL], &p->total_ns) ||
	    !span_u64(cell[MAX], &p->max_ns) || !span_time(cell[FIRST], &p->first_ns) ||
	    !span_time(cell[LAST], &p->last_ns))
		return false;
	p->onfault = onfault;
	p->error_ns = span_is(cell[ERRNO], "0") ? 0 : p->last_ns;
	p->comm = copy_span(cell[COMM]);
	p->error = copy_span(cell[ERRNO]);
	return true;
}

static bool read_rows(struct processes *all, const struct layout *layout, FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	bool ok = true;
	ssize_t len;

	while (ok && (len = getline(&line, &room, in)) > 0) {
		struct process *p;

		if (!(all->nr & (all->nr - 1)))
			all->process = tool_grow(all->process,
						 (all->nr ? 2 * all->nr : 1) * sizeof(*p));
		p = &all->process[all->nr];
		ok = line[len - 1] == '\n' &&
		     read_row(p, layout, (struct span){ line, len - 1 });
		all->nr += ok;
	}
	free(line);
	return ok && !ferror(in);
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* The main thread comes first and so gives its names to the process. */
static int by_pid(const void *left, const void *right)
{
	const struct process *a = left;
	const struct process *b = right;

	if (a->pid != b->pid)
		return compare(a->pid, b->pid);
	if (a->tid == a->pid)
		return -1;
	if (b->tid == b->pid)
		return 1;
	return compare(a->tid, b->tid);
}

static int by_locked(const void *left, const void *right)
{
	const struct process *a = left;
	const struct process *b = right;

	if (a->locked_kb != b->locked_kb)
		return compare(b->locked_kb, a->locked_kb);
	if (a->peak_kb != b->peak_kb)
		return compare(b->peak_kb, a->peak_kb);
	return compare(a->pid, b->pid);
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* All but memory, which belongs to a process and not to one of its tasks. */
static void add_up(struct process *p, struct process *t)
{
	p->tasks += t->tasks;
	p->locked_known |= t->locked_known;
	p->onfault |= t->onfault;
	p->calls += t->calls;
	p->failures += t->failures;
	p->bytes += t->bytes;
	p->total_ns += t->total_ns;
	p->max_ns = most(p->max_ns, t->max_ns);
	if (t->first_ns < p->first_ns)
		p->first_ns = t->first_ns;
	p->last_ns = most(p->last_ns, t->last_ns);
	if (t->error_ns > p->error_ns) {
		char *error = p->error;

		p->error_ns = t->error_ns;
		p->error = t->error;
		t->error = error;
	}
	free(t->error);
	free(t->comm);
}

/*
 * Add the row @t to its process. Rows are read one after the other: if the
 * memory locked changed meanwhile they differ, and the largest was true once.
 */
static void merge(struct process *p, struct process *t)
{
	p->locked_kb = most(p->locked_kb, t->locked_kb);
	p->peak_kb = most(p->peak_kb, t->peak_kb);
	add_up(p, t);
}

/* Peaks of processes need not have been at the same time: the sum is a bound. */
static void merge_process(struct process *p, struct process *t)
{
	p->locked_kb += t->locked_kb;
	p->peak_kb += t->peak_kb;
	p->processes += t->processes;
	add_up(p, t);
}

typedef int (*order)(const void *left, const void *right);

static int by_user(const void *left, const void *right)
{
	return compare(((const struct process *)left)->uid, ((const struct process *)right)->uid);
}

static int by_cgroup(const void *left, const void *right)
{
	return compare(((const struct process *)left)->cgroup,
		       ((const struct process *)right)->cgroup);
}

static int by_comm(const void *left, const void *right)
{
	return strcmp(((const struct process *)left)->comm, ((const struct process *)right)->comm);
}

static int same_pid(const void *left, const void *right)
{
	return compare(((const struct process *)left)->pid, ((const struct process *)right)->pid);
}

/* Rows that are the @same become one; they are sorted so that such are side by side. */
static void merge_rows(struct processes *all, order same,
		       void (*add)(struct process *p, struct process *t))
{
	size_t from, to = 0;

	if (!all->nr)
		return;
	for (from = 1; from < all->nr; from++) {
		if (!same(&all->process[from], &all->process[to]))
			add(&all->process[to], &all->process[from]);
		else
			all->process[++to] = all->process[from];
	}
	all->nr = to + 1;
}

static void sort_rows(struct processes *all, order by)
{
	if (all->nr)
		qsort(all->process, all->nr, sizeof(all->process[0]), by);
}

static void group_rows(struct processes *all, enum grouping by)
{
	static const order same[] = {
		[BY_USER] = by_user, [BY_CGROUP] = by_cgroup, [BY_COMMAND] = by_comm,
	};

	sort_rows(all, by_pid);
	if (by != BY_TASK)
		merge_rows(all, same_pid, merge);
	if (by != BY_TASK && by != BY_PROCESS) {
		sort_rows(all, same[by]);
		merge_rows(all, same[by], merge_process);
	}
	sort_rows(all, by_locked);
}

bool processes_read(struct processes *all, FILE *in)
{
	return processes_read_by(all, in, BY_PROCESS);
}

/* False if the table was not understood. The processes must be freed in any case. */
bool processes_read_by(struct processes *all, FILE *in, enum grouping by)
{
	struct layout layout;
	char *line = NULL;
	size_t room = 0;
	ssize_t len = getline(&line, &room, in);
	bool ok;

	*all = (struct processes){ 0 };
	ok = len > 0 && line[len - 1] == '\n' &&
	     read_header(&layout, (struct span){ line, len - 1 }) && read_rows(all, &layout, in);
	free(line);
	if (ok)
		group_rows(all, by);
	return ok;
}

void processes_free(struct processes *all)
{
	size_t i;

	for (i = 0; i < all->nr; i++) {
		free(all->process[i].comm);
		free(all->process[i].error);
	}
	free(all->process);
	*all = (struct processes){ 0 };
}

/* --- names of groupings and orders --- */

static const char *const grouping_name[] = {
	[BY_PROCESS] = "process", [BY_TASK] = "task", [BY_USER] = "user", [BY_CGROUP] = "cgroup",
	[BY_COMMAND] = "command",
};

bool processes_grouping(const char *name, enum grouping *by)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(grouping_name); i++) {
		if (strcmp(name, grouping_name[i]))
			continue;
		*by = i;
		return true;
	}
	return false;
}

const char *processes_grouping_name(enum grouping by)
{
	return grouping_name[by];
}

/* Most first of the number that is at @offset. */
static int by_number(const void *left, const void *right, void *offset)
{
	uint64_t a, b;

	memcpy(&a, (const char *)left + *(size_t *)offset, sizeof(a));
	memcpy(&b, (const char *)right + *(size_t *)offset, sizeof(b));
	return a == b ? by_locked(left, right) : compare(b, a);
}

/* Most first, but names and numbers of processes in their own order. False: no such key. */
bool processes_sort(struct processes *all, const char *key)
{
	static const struct {
		const char	*key;
		order		by;	/* NULL: a number */
		size_t		offset;
	} orders[] = {
		{ "locked", by_locked, 0 },
		{ "pid", by_pid, 0 },
		{ "command", by_comm, 0 },
		{ "peak", NULL, offsetof(struct process, peak_kb) },
		{ "calls", NULL, offsetof(struct process, calls) },
		{ "failures", NULL, offsetof(struct process, failures) },
		{ "time", NULL, offsetof(struct process, total_ns) },
		{ "longest", NULL, offsetof(struct process, max_ns) },
		{ "last", NULL, offsetof(struct process, last_ns) },
	};
	size_t i, offset;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		if (strcmp(key, orders[i].key))
			continue;
		offset = orders[i].offset;
		if (orders[i].by)
			sort_rows(all, orders[i].by);
		else if (all->nr)
			qsort_r(all->process, all->nr, sizeof(all->process[0]), by_number, &offset);
		return true;
	}
	return false;
}

/* --- one row --- */

static void user_name(FILE *out, uint64_t uid)
{
	struct passwd *user = getpwuid(uid);

	if (user)
		fputs(user->pw_name, out);
	else
		fprintf(out, "%" PRIu64, uid);
}

/* The name of a group, any bytes. */
static void group_name(FILE *out, const struct process *p, enum grouping by)
{
	char path[PATH_MAX];

	if (by == BY_USER)
		user_name(out, p->uid);
	else if (by == BY_CGROUP && cgroup_path(p->cgroup, path, sizeof(path)))
		fputs(*path ? path : "/", out);
	else if (by == BY_CGROUP)
		fprintf(out, "%" PRIu64, p->cgroup);
}

static void with_name(FILE *out, const struct process *p, enum grouping by,
		      void (*write)(FILE *out, struct span text))
{
	char *name = NULL;
	size_t len = 0;
	FILE *text = open_memstream(&name, &len);

	if (!text)
		return;
	group_name(text, p, by);
	fclose(text);
	write(out, (struct span){ name, len });
	free(name);
}

static void write_plain_name(FILE *out, struct span text)
{
	plain_string(out, text);
}

/* As people are to see it. */
void processes_row_name(FILE *out, const struct process *p, enum grouping by)
{
	if (by == BY_USER || by == BY_CGROUP)
		with_name(out, p, by, write_plain_name);
	else
		plain_escaped(out, span_of(p->comm));
}

static void json_number(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, ",\"%s\":%" PRIu64, key, value);
}

static void json_time(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%09u", key, ns / NS_PER_S, (unsigned int)(ns % NS_PER_S));
}

/* What tells one row from another. */
static void json_key(FILE *out, const struct process *p, enum grouping by)
{
	if (by == BY_USER) {
		fprintf(out, "\"uid\":%" PRIu64 ",\"user\":", p->uid);
		with_name(out, p, by, json_string);
	} else if (by == BY_CGROUP) {
		fprintf(out, "\"cgroup\":%" PRIu64 ",\"path\":", p->cgroup);
		with_name(out, p, by, json_string);
	} else if (by == BY_COMMAND) {
		fputs("\"comm\":", out);
		json_escaped(out, span_of(p->comm));
	} else {
		fprintf(out, "\"pid\":%" PRIu64, p->pid);
		if (by == BY_TASK)
			json_number(out, "tid", p->tid);
		json_number(out, "uid", p->uid);
		fputs(",\"comm\":", out);
		json_escaped(out, span_of(p->comm));
		json_number(out, "cgroup", p->cgroup);
	}
	if (by != BY_TASK && by != BY_PROCESS)
		json_number(out, "processes", p->processes);
}

void processes_row_json(FILE *out, const struct process *p, enum grouping by)
{
	putc('{', out);
	json_key(out, p, by);
	json_number(out, "tasks", p->tasks);
	if (p->locked_known)
		json_number(out, "locked_kb", p->locked_kb);
	else
		fputs(",\"locked_kb\":null", out);
	json_number(out, "peak_kb", p->peak_kb);
	fprintf(out, ",\"onfault\":%s", p->onfault ? "true" : "false");
	json_number(out, "calls", p->calls);
	json_number(out, "failures", p->failures);
	json_number(out, "bytes", p->bytes);
	json_number(out, "total_ns", p->total_ns);
	json_number(out, "max_ns", p->max_ns);
	json_time(out, "first", p->first_ns);
	json_time(out, "last", p->last_ns);
	fputs(",\"errno\":", out);
	json_value(out, span_of(p->error));
	putc('}', out);
}

void processes_json(FILE *out, const struct processes *all, enum grouping by)
{
	size_t i;

	putc('[', out);
	for (i = 0; i < all->nr; i++) {
		if (i)
			putc(',', out);
		processes_row_json(out, &all->process[i], by);
	}
	putc(']', out);
}
