// SPDX-License-Identifier: GPL-2.0
/* mlock2mon stat: what /proc/mlock2mon says, told as one page. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "event.h"
#include "processes.h"
#include "stop.h"
#include "text.h"
#include "tool.h"

#define FIRST_PROCESSES	10
#define MOST_SECONDS	86400
#define NS_PER_S	1000000000LL

struct options {
	const char	*dir;
	bool		json;
	bool		all;
	bool		grouped;	/* --by was given */
	enum grouping	by;
	const char	*sort;		/* NULL: by locked memory */
	bool		watch;
	uint64_t	seconds;	/* from one page to the next */
};

struct page {
	struct counters		counters;
	struct processes	processes;
	bool			may_see_processes;
};

static bool wrong(const char *what, const char *why)
{
	fprintf(stderr, "mlock2mon: %s %s\n", what, why);
	return false;
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "all",	no_argument,		NULL, 'a' },
		{ "by",		required_argument,	NULL, 'b' },
		{ "sort",	required_argument,	NULL, 's' },
		{ "watch",	optional_argument,	NULL, 'w' },
		{ "json",	no_argument,		NULL, 'j' },
		{ "proc",	required_argument,	NULL, 'p' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "ab:s:w::jp:h", names, NULL)) != -1) {
		switch (c) {
		case 'a':
			opt->all = true;
			break;
		case 'b':
			opt->grouped = true;
			if (!processes_grouping(optarg, &opt->by))
				return wrong(optarg, "is none of task, process, user, cgroup, "
					     "command");
			break;
		case 's':
			opt->sort = optarg;
			if (!processes_sort(&(struct processes){ 0 }, optarg))
				return wrong(optarg, "is none of locked, peak, calls, failures, "
					     "time, "
					     "longest, last, pid, command");
			break;
		case 'w':
			opt->watch = true;
			if (optarg && (!span_u64(span_of(optarg), &opt->seconds) || !opt->seconds ||
				       opt->seconds > MOST_SECONDS))
				return wrong(optarg, "is not a number of seconds, 1 to 86400");
			break;
		case 'j':
			opt->json = true;
			break;
		case 'p':
			opt->dir = optarg;
			break;
		case 'h':
			*help = true;
			return true;
		default:
			return false;
		}
	}
	if (optind == argc)
		return true;
	return wrong(argv[optind], "is one argument too many");
}

/* --- the calls --- */

/* The group of a counter "group.entries", which every call has. */
static bool is_call(const struct counter *c, struct span *call)
{
	static const char tail[] = ".entries";
	size_t len = sizeof(tail) - 1;

	if (c->key.len <= len || memcmp(c->key.at + c->key.len - len, tail, len))
		return false;
	*call = (struct span){ c->key.at, c->key.len - len };
	return true;
}

static void call_row(FILE *out, const struct counters *all, struct span call)
{
	plain_column(out, call, 12);
	fprintf(out, "%10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
		counters_number(all, call, "entries"), counters_number(all, call, "failures"),
		counters_number(all, call, "in_flight"), counters_number(all, call, "missed"));
}

static void call_table(FILE *out, const struct counters *all)
{
	struct span call;
	size_t i;

	fprintf(out, "%-12s %10s %10s %10s %10s\n", "CALL", "CALLS", "FAILED", "IN FLIGHT",
		"MISSED");
	for (i = 0; i < all->nr; i++) {
		if (is_call(&all->counter[i], &call))
			call_row(out, all, call);
	}
}

/* Takes "call.why.token" apart. */
static bool is_reason(const struct counter *c, struct span *call, struct span *token)
{
	const char *why = memmem(c->key.at, c->key.len, ".why.", 5);

	if (!why)
		return false;
	*call = (struct span){ c->key.at, why - c->key.at };
	*token = (struct span){ why + 5, c->key.at + c->key.len - (why + 5) };
	return true;
}

static void reason_table(FILE *out, const struct counters *all)
{
	struct span call, token;
	bool first = true;
	size_t i;

	for (i = 0; i < all->nr; i++) {
		const struct counter *c = &all->counter[i];
		const char *words;
		uint64_t number;

		if (!is_reason(c, &call, &token) || !span_u64(c->value, &number))
			continue;
		if (first)
			fprintf(out, "\n%-12s %10s %s\n", "CALL", "TIMES", "REASON");
		first = false;
		plain_column(out, call, 12);
		fprintf(out, "%10" PRIu64 " ", number);
		words = why_words(call, token);
		plain_string(out, words ? span_of(words) : token);
		putc('\n', out);
	}
}

/* --- health --- */

static bool starts(struct span text, const char *prefix)
{
	return text.len >= strlen(prefix) && !memcmp(text.at, prefix, strlen(prefix));
}

static bool probe_health(FILE *out, const struct counters *all)
{
	bool good = true;
	size_t i;

	for (i = 0; i < all->nr; i++) {
		const struct counter *c = &all->counter[i];

		if (!starts(c->key, "probe.") || span_is(c->value, "active"))
			continue;
		good = false;
		fputs("NOT WATCHED: ", out);
		plain_string(out, (struct span){ c->key.at + 6, c->key.len - 6 });
		fputs(" (", out);
		plain_string(out, c->value);
		fputs(")\n", out);
	}
	return good;
}

struct balance {
	uint64_t	entries;
	uint64_t	returns;
	uint64_t	in_flight;
	uint64_t	missed;
};

static struct balance add_calls(const struct counters *all)
{
	struct balance sum = { 0 };
	struct span call;
	size_t i;

	for (i = 0; i < all->nr; i++) {
		/* Tasks that leave are counted there too, but call nothing. */
		if (!is_call(&all->counter[i], &call) || span_is(call, "exit"))
			continue;
		sum.entries += counters_number(all, call, "entries");
		sum.returns += counters_number(all, call, "returns");
		sum.in_flight += counters_number(all, call, "in_flight");
		sum.missed += counters_number(all, call, "missed");
	}
	return sum;
}

/* Says it only if it happened. */
static void complain(FILE *out, uint64_t number, const char *what)
{
	if (number)
		fprintf(out, "%" PRIu64 " %s\n", number, what);
}

static void call_health(FILE *out, const struct counters *all, bool watched)
{
	struct balance sum = add_calls(all);
	uint64_t known = sum.returns + sum.in_flight + sum.missed;

	if (span_is(counters_text(all, "probes.live"), "0")) {
		fputs("SWITCHED OFF: the kernel's probes do not fire, calls pass unseen and\n"
		      "uncounted. See sysctl kernel.ftrace_enabled and kprobes/enabled in "
		      "debugfs.\n",
		      out);
		return;
	}
	complain(out, sum.missed,
		 "calls MISSED: their results were not seen, because too many were in the kernel\n"
		 "at once. Load the module with a larger maxactive.");
	if (sum.missed)
		return;
	if (sum.entries == known)
		fprintf(out, "Nothing was missed%s: ", watched ? "" : " of the rest");
	fprintf(out, "%" PRIu64 " calls entered, %" PRIu64 " returned, %" PRIu64 " in the kernel",
		sum.entries, sum.returns, sum.in_flight);
	if (sum.entries == known)
		fputs(" now.\n", out);
	else
		fputs(": more were made while this was read.\n", out);
}

static void health(FILE *out, const struct counters *all)
{
	struct span ring = span_of("ring");
	struct span tasks = span_of("tasks");
	struct span readers = span_of("readers");
	uint64_t lost = counters_number(all, readers, "lost");

	fprintf(out, "\nring     room for %" PRIu64 " records, %" PRIu64 " written, %" PRIu64
		" overwritten\n",
		counters_number(all, ring, "records"), counters_number(all, ring, "written"),
		counters_number(all, ring, "overwritten"));
	fprintf(out, "tasks    %" PRIu64 " tracked, room for %" PRIu64 "\n",
		counters_number(all, tasks, "tracked"), counters_number(all, tasks, "max"));
	fprintf(out, "readers  %" PRIu64 " open, %" PRIu64 " records lost\n\n",
		counters_number(all, readers, "open"), lost);

	call_health(out, all, probe_health(out, all));
	complain(out, counters_number(all, ring, "dropped"),
		 "records DROPPED: they could not be written into the ring.");
	complain(out, lost,
		 "records LOST: overwritten before their reader came to them. Read faster, or\n"
		 "load the module with a larger ring_records.");
	complain(out, counters_number(all, tasks, "untracked"),
		 "calls UNTRACKED: no account was free for their tasks. Load the module with a\n"
		 "larger max_tasks.");
}

/* --- the processes --- */

static void process_row(FILE *out, const struct process *p)
{
	char buf[TEXT_SIZE_MAX];

	fprintf(out, "%8" PRIu64 " ", p->pid);
	pad_column(out, plain_escaped(out, span_of(p->comm)), 16);
	fprintf(out, "%8s ", p->locked_known ? size_text(p->locked_kb * 1024, buf) : "-");
	fprintf(out, "%8s ", size_text(p->peak_kb * 1024, buf));
	fprintf(out, "%10" PRIu64 " %10" PRIu64 " ", p->calls, p->failures);
	plain_string(out, strcmp(p->error, "0") ? span_of(p->error) : span_of("-"));
	putc('\n', out);
}

static void process_table(FILE *out, const struct processes *all, size_t most)
{
	size_t i;

	if (!all->nr) {
		fputs("\nNo process that locked or unlocked memory is alive.\n", out);
		return;
	}
	fprintf(out, "\n%8s %-16s %8s %8s %10s %10s %s\n", "PID", "PROCESS", "LOCKED", "PEAK",
		"CALLS", "FAILED", "LAST ERROR");
	for (i = 0; i < all->nr && i < most; i++)
		process_row(out, &all->process[i]);
	if (i < all->nr)
		fprintf(out, "%zu more: --all shows them.\n", all->nr - i);
}

/* --- groups --- */

static void group_row(FILE *out, const struct process *p, enum grouping by)
{
	char locked[TEXT_SIZE_MAX], peak[TEXT_SIZE_MAX], took[TEXT_SIZE_MAX];

	fprintf(out, "%9" PRIu64 " %8s %8s %10" PRIu64 " %10" PRIu64 " %9s ",
		by == BY_TASK ? p->tid : by == BY_PROCESS ? p->pid : p->processes,
		p->locked_known ? size_text(p->locked_kb * 1024, locked) : "-",
		size_text(p->peak_kb * 1024, peak), p->calls, p->failures,
		duration_text(p->total_ns, took));
	processes_row_name(out, p, by);
	putc('\n', out);
}

/* The name is last, for some are long. */
static void group_table(FILE *out, const struct processes *all, const struct options *opt)
{
	static const char *const name[] = {
		[BY_PROCESS] = "PROCESS", [BY_TASK] = "TASK", [BY_USER] = "USER",
		[BY_CGROUP] = "CGROUP", [BY_COMMAND] = "COMMAND",
	};
	size_t most = opt->all ? SIZE_MAX : FIRST_PROCESSES, i;

	fprintf(out, "%9s %8s %8s %10s %10s %9s %s\n",
		opt->by == BY_TASK ? "TID" : opt->by == BY_PROCESS ? "PID" : "PROCESSES", "LOCKED",
		"PEAK", "CALLS", "FAILED", "TIME", name[opt->by]);
	for (i = 0; i < all->nr && i < most; i++)
		group_row(out, &all->process[i], opt->by);
	if (i < all->nr)
		fprintf(out, "%zu more: --all shows them.\n", all->nr - i);
}

/* --- the page --- */

static void show_text(FILE *out, const struct page *page, const struct options *opt)
{
	if (opt->grouped) {
		if (page->may_see_processes)
			group_table(out, &page->processes, opt);
		return;
	}
	fputs("mlock2mon ", out);
	plain_string(out, counters_text(&page->counters, "version"));
	fputs(", load ", out);
	plain_string(out, counters_text(&page->counters, "load_id"));
	fputs("\n\n", out);
	call_table(out, &page->counters);
	reason_table(out, &page->counters);
	health(out, &page->counters);
	if (page->may_see_processes)
		process_table(out, &page->processes, opt->all ? SIZE_MAX : FIRST_PROCESSES);
}

static void show_json(FILE *out, const struct page *page, const struct options *opt)
{
	putc('{', out);
	counters_json(out, &page->counters);
	if (opt->grouped)
		fprintf(out, ",\"by\":\"%s\",\"rows\":", processes_grouping_name(opt->by));
	else
		fputs(",\"processes\":", out);
	if (page->may_see_processes)
		processes_json(out, &page->processes, opt->by);
	else
		fputs("null", out);
	fputs("}\n", out);
}

static bool not_understood(const char *dir, const char *name)
{
	fprintf(stderr, "mlock2mon: %s/%s was not understood\n", dir, name);
	return false;
}

static bool read_counters(struct page *page, const char *dir)
{
	FILE *in = counters_open(dir, "stats");
	bool ok;

	if (!in) {
		tool_cannot_open(dir, MLOCK2MON_PROC);
		return false;
	}
	ok = counters_read(&page->counters, in);
	fclose(in);
	return ok || not_understood(dir, "stats");
}

/* Not to be allowed to see processes is no failure: the rest is worth showing. */
static bool read_processes(struct page *page, const struct options *opt)
{
	const char *dir = opt->dir;
	FILE *in = counters_open(dir, "tasks");
	bool ok;

	if (!in && (errno == EACCES || errno == EPERM)) {
		fprintf(stderr, "mlock2mon: processes are not shown: %s/tasks needs root\n", dir);
		return true;
	}
	if (!in) {
		fprintf(stderr, "mlock2mon: cannot open %s/tasks: %s\n", dir, strerror(errno));
		return false;
	}
	page->may_see_processes = true;
	ok = processes_read_by(&page->processes, in, opt->by);
	fclose(in);
	if (ok && opt->sort)
		processes_sort(&page->processes, opt->sort);
	return ok || not_understood(dir, "tasks");
}

static bool show_page(const struct options *opt)
{
	struct page page = { 0 };
	bool ok = read_counters(&page, opt->dir) && read_processes(&page, opt);

	if (ok && opt->json)
		show_json(stdout, &page, opt);
	else if (ok)
		show_text(stdout, &page, opt);
	counters_free(&page.counters);
	processes_free(&page.processes);
	return ok;
}

/* Page after page: on a terminal each takes the place of the one before. */
static bool watch_pages(const struct options *opt)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };
	bool screen = isatty(STDOUT_FILENO) && !opt->json;
	bool first = true;

	stop_on_signals();
	while (!stop_asked()) {
		if (screen)
			fputs("\033[H\033[J", stdout);
		else if (!first && !opt->json)
			putchar('\n');
		first = false;
		if (!show_page(opt))
			return false;
		fflush(stdout);
		if (!tool_output_ok())
			return false;
		stop_poll(&reader, 1, opt->seconds * NS_PER_S);
		if (reader.revents & (POLLERR | POLLNVAL))
			return false;
	}
	return true;
}

int stat_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .dir = MLOCK2MON_PROC, .seconds = 2 };
	bool help = false;
	bool ok;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	ok = opt.watch ? watch_pages(&opt) : show_page(&opt);
	return tool_finish(ok ? TOOL_DONE : TOOL_FAILED);
}
