// SPDX-License-Identifier: GPL-2.0
/*
 * The processes behind the rows of /proc/mlock2mon/tasks. A row is a thread,
 * locked memory belongs to the process: calls are added up, memory is not.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

	*p = (struct process){ .tasks = 1 };
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

/*
 * Add the row @t to its process. Rows are read one after the other: if the
 * memory locked changed meanwhile they differ, and the largest was true once.
 */
static void merge(struct process *p, struct process *t)
{
	p->tasks++;
	p->locked_kb = most(p->locked_kb, t->locked_kb);
	p->locked_known |= t->locked_known;
	p->peak_kb = most(p->peak_kb, t->peak_kb);
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

static void merge_tasks(struct processes *all)
{
	size_t from, to = 0;

	if (!all->nr)
		return;
	qsort(all->process, all->nr, sizeof(all->process[0]), by_pid);
	for (from = 1; from < all->nr; from++) {
		if (all->process[from].pid == all->process[to].pid)
			merge(&all->process[to], &all->process[from]);
		else
			all->process[++to] = all->process[from];
	}
	all->nr = to + 1;
	qsort(all->process, all->nr, sizeof(all->process[0]), by_locked);
}

/* False if the table was not understood. The processes must be freed in any case. */
bool processes_read(struct processes *all, FILE *in)
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
		merge_tasks(all);
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

static void json_number(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, ",\"%s\":%" PRIu64, key, value);
}

static void json_time(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%09u", key, ns / NS_PER_S, (unsigned int)(ns % NS_PER_S));
}

static void process_json(FILE *out, const struct process *p)
{
	fprintf(out, "{\"pid\":%" PRIu64, p->pid);
	json_number(out, "uid", p->uid);
	fputs(",\"comm\":", out);
	json_escaped(out, span_of(p->comm));
	json_number(out, "cgroup", p->cgroup);
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

void processes_json(FILE *out, const struct processes *all)
{
	size_t i;

	putc('[', out);
	for (i = 0; i < all->nr; i++) {
		if (i)
			putc(',', out);
		process_json(out, &all->process[i]);
	}
	putc(']', out);
}
