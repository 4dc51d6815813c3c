// SPDX-License-Identifier: GPL-2.0
/* What the module counts, looked at again and again: how fast it grows, process by process. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "facts.h"
#include "live.h"
#include "record.h"
#include "tool.h"

#define NS_PER_S	1e9
#define INFLIGHT_HEADER	"pid tid uid comm call "

static bool failed(struct live *live, const char *name)
{
	if (errno == ENOENT)
		snprintf(live->wrong, sizeof(live->wrong), "The module is not loaded.");
	else if (errno == EACCES || errno == EPERM)
		snprintf(live->wrong, sizeof(live->wrong), "To see %s needs root.", name);
	else
		snprintf(live->wrong, sizeof(live->wrong), "%s: %s", name, strerror(errno));
	return false;
}

static bool not_understood(struct live *live, const char *name)
{
	snprintf(live->wrong, sizeof(live->wrong), "%s was not understood.", name);
	return false;
}

/* --- the sums --- */

static void add_counter(struct live_sum *sum, const struct counter *c)
{
	static const struct {
		const char	*tail;
		size_t		offset;
	} of_calls[] = {
		{ ".returns", offsetof(struct live_sum, calls) },
		{ ".failures", offsetof(struct live_sum, failures) },
		{ ".in_flight", offsetof(struct live_sum, in_flight) },
		{ ".missed", offsetof(struct live_sum, missed) },
	};
	uint64_t value;
	size_t i, len;

	/* Tasks that leave are counted like calls, but make none. */
	if (!span_u64(c->value, &value) ||
	    (c->key.len > 5 && !memcmp(c->key.at, "exit.", 5)))
		return;
	for (i = 0; i < ARRAY_SIZE(of_calls); i++) {
		len = strlen(of_calls[i].tail);
		if (c->key.len > len &&
		    !memcmp(c->key.at + c->key.len - len, of_calls[i].tail, len))
			*(uint64_t *)((char *)sum + of_calls[i].offset) += value;
	}
}

static bool look_at_counters(struct live *live)
{
	struct counters all = { 0 };
	FILE *in = counters_open(live->dir, "stats");
	uint64_t id = 0;
	bool ok;
	size_t i;

	if (!in)
		return failed(live, "stats");
	ok = counters_read(&all, in);
	fclose(in);
	live->sum = (struct live_sum){ 0 };
	for (i = 0; ok && i < all.nr; i++)
		add_counter(&live->sum, &all.counter[i]);
	live->sum.lost = counters_number(&all, span_of("readers"), "lost") +
			 counters_number(&all, span_of("ring"), "dropped");
	span_u64(counters_text(&all, "load_id"), &id);
	counters_free(&all);
	if (id != live->load_id)
		live->seconds = 0;	/* another load: nothing to compare with */
	live->load_id = id;
	return ok || not_understood(live, "stats");
}

/* --- the processes --- */

static int by_pid(const void *left, const void *right)
{
	uint64_t a = ((const struct process *)left)->pid;
	uint64_t b = ((const struct process *)right)->pid;

	return (a > b) - (a < b);
}

static struct process *find(const struct processes *all, uint64_t pid)
{
	const struct process key = { .pid = pid };

	return all->nr ? bsearch(&key, all->process, all->nr, sizeof(key), by_pid) : NULL;
}

static bool read_processes(struct live *live, struct processes *now)
{
	FILE *in = counters_open(live->dir, "tasks");
	bool ok;

	if (!in)
		return failed(live, "tasks");
	ok = processes_read(now, in) && processes_sort(now, "pid");
	fclose(in);
	return ok || not_understood(live, "tasks");
}

/* A process whose first call is the same is the same; what is gone has a rate no more. */
static void reckon_rates(const struct live *live, struct live_row *row)
{
	const struct process *now = row->process;
	const struct process *before = find(&live->processes, now->pid);

	if (!(live->seconds > 0))
		return;
	if (before && before->first_ns != now->first_ns)
		before = NULL;
	row->calls = (double)now->calls - (before ? before->calls : 0);
	row->failures = (double)now->failures - (before ? before->failures : 0);
	/* A thread that ended takes what it counted with it. */
	row->calls = row->calls > 0 ? row->calls / live->seconds : 0;
	row->failures = row->failures > 0 ? row->failures / live->seconds : 0;
}

static void find_headroom(const struct live *live, struct live_row *row)
{
	struct facts facts;

	row->headroom_known = facts_read(&facts, live->proc, row->process->pid);
	if (!row->headroom_known)
		return;
	if (facts.limit == FACTS_UNLIMITED ||
	    (facts.cap_effective & FACTS_CAP_IPC_LOCK && !facts.other_userns))
		row->headroom_kb = LIVE_NO_LIMIT;
	else if (facts.limit / 1024 > row->process->locked_kb)
		row->headroom_kb = facts.limit / 1024 - row->process->locked_kb;
}

/* Its rows begin with the pid; what else they say is not needed here. */
static bool count_flights(struct live *live, const struct processes *all, struct live_row *row)
{
	FILE *in = counters_open(live->dir, "inflight");
	char *line = NULL;
	size_t room = 0;
	bool ok;

	if (!in)
		return failed(live, "inflight");
	ok = getline(&line, &room, in) > 0 &&
	     !strncmp(line, INFLIGHT_HEADER, strlen(INFLIGHT_HEADER));
	while (ok && getline(&line, &room, in) > 0) {
		const struct process *p = find(all, strtoull(line, NULL, 10));

		if (p)
			row[p - all->process].in_flight++;
	}
	free(line);
	fclose(in);
	return ok || not_understood(live, "inflight");
}

static bool look_at_processes(struct live *live)
{
	struct processes now = { 0 };
	struct live_row *row = NULL;
	bool ok = read_processes(live, &now);
	size_t i;

	if (ok) {
		row = tool_grow(NULL, (now.nr + 1) * sizeof(*row));
		memset(row, 0, (now.nr + 1) * sizeof(*row));
		ok = count_flights(live, &now, row);
	}
	if (!ok) {
		processes_free(&now);
		free(row);
		return false;
	}
	for (i = 0; i < now.nr; i++) {
		row[i].process = &now.process[i];
		reckon_rates(live, &row[i]);
		find_headroom(live, &row[i]);
		live->sum.locked_kb += now.process[i].locked_kb;
	}
	processes_free(&live->processes);
	free(live->row);
	live->processes = now;
	live->row = row;
	return true;
}

/* Look at @ns of CLOCK_MONOTONIC. False, and what was seen before stays: see @wrong. */
bool live_look(struct live *live, int64_t ns)
{
	live->wrong[0] = '\0';
	live->seconds = live->ns ? (ns - live->ns) / NS_PER_S : 0;
	live->before = live->sum;
	if (look_at_counters(live) && look_at_processes(live)) {
		live->ns = ns;
		return true;
	}
	live->sum = live->before;
	return false;
}

void live_free(struct live *live)
{
	processes_free(&live->processes);
	free(live->row);
	live->row = NULL;
}

/* --- orders --- */

static const char *const order_name[LIVE_NR_ORDERS] = {
	[LIVE_BY_LOCKED] = "locked", [LIVE_BY_CALLS] = "calls", [LIVE_BY_FAILURES] = "failures",
	[LIVE_BY_HEADROOM] = "headroom", [LIVE_BY_FLIGHT] = "flight", [LIVE_BY_PID] = "pid",
};

bool live_order(const char *name, enum live_order *by)
{
	size_t i;

	for (i = 0; i < LIVE_NR_ORDERS; i++) {
		if (strcmp(name, order_name[i]))
			continue;
		*by = i;
		return true;
	}
	return false;
}

const char *live_order_name(enum live_order by)
{
	return order_name[by];
}

/* What comes first has the larger weight. */
static double weight(const struct live_row *row, enum live_order by)
{
	switch (by) {
	case LIVE_BY_CALLS:
		return row->calls;
	case LIVE_BY_FAILURES:
		return row->failures > 0 ? 1e18 + row->failures : row->process->failures;
	case LIVE_BY_HEADROOM:
		return row->headroom_known ? -(double)row->headroom_kb : -2.0 * LIVE_NO_LIMIT;
	case LIVE_BY_FLIGHT:
		return row->in_flight;
	case LIVE_BY_PID:
		return -(double)row->process->pid;
	default:
		return row->process->locked_kb;
	}
}

static int compare_rows(const void *left, const void *right, void *order)
{
	const struct live_row *a = left, *b = right;
	double x = weight(a, *(enum live_order *)order);
	double y = weight(b, *(enum live_order *)order);

	if (x != y)
		return x < y ? 1 : -1;
	if (a->process->locked_kb != b->process->locked_kb)
		return a->process->locked_kb < b->process->locked_kb ? 1 : -1;
	return by_pid(a->process, b->process);
}

/* First what matters most: least headroom, failures that happen now before those that did. */
void live_sort(struct live *live, enum live_order by)
{
	if (live->processes.nr)
		qsort_r(live->row, live->processes.nr, sizeof(live->row[0]), compare_rows, &by);
}
