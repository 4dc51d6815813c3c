// SPDX-License-Identifier: GPL-2.0
/*
 * mlock2mon metrics: the counters as Prometheus reads them, for the textfile collector of
 * node_exporter, or as OpenMetrics, which differs in few lines.
 *
 * Labels are names that the module chooses (calls, reasons, probes), so the number of
 * series is bounded by its version and not by what happens on the machine. Names of
 * processes come only as many as were asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "outfile.h"
#include "processes.h"
#include "record.h"
#include "text.h"
#include "tool.h"

#define MOST_COMMANDS	100
#define MOST_CALLS	32
#define FIRST_BOUND	1024ULL		/* ns; the next is four times as much */
#define NR_BOUNDS	13		/* up to 17 seconds */

struct options {
	const char	*dir;
	const char	*output;	/* NULL: standard output */
	uint64_t	commands;
};

static bool openmetrics;	/* and not the text format of Prometheus */

struct histogram {
	char		*names;		/* of the calls */
	struct span	call[MOST_CALLS];
	size_t		nr;
	uint64_t	count[MOST_CALLS][NR_BOUNDS + 1];	/* last: longer than all */
};

struct sample {
	struct counters		counters;
	struct processes	processes;
	struct histogram	durations;
	bool			may_see_processes;
	bool			has_durations;
	bool			up;
};

/* --- lines --- */

/* A family of OpenMetrics is not called _total, its samples are. */
static void family(FILE *out, const char *name, const char *type, const char *help)
{
	int len = strlen(name) - (openmetrics && !strcmp(type, "counter") ? strlen("_total") : 0);

	fprintf(out, "# HELP mlock2mon_%.*s %s\n# TYPE mlock2mon_%.*s %s\n", len, name, help, len,
		name, type);
}

/* Only these three must be escaped in the value of a label; the rest must be UTF-8. */
static void label_value(FILE *out, struct span value)
{
	char *text = NULL;
	size_t len = 0, i;
	FILE *plain = open_memstream(&text, &len);

	if (!plain)
		return;
	plain_string(plain, value);
	fclose(plain);
	putc('"', out);
	for (i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			putc('\\', out);
		putc(text[i], out);
	}
	putc('"', out);
	free(text);
}

static void single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	fprintf(out, "mlock2mon_%s %" PRIu64 "\n", name, value);
}

/* --- counters of calls --- */

static bool split_key(struct span key, const char *middle, struct span *before, struct span *after)
{
	size_t len = strlen(middle);
	const char *at = memmem(key.at, key.len, middle, len);

	if (!at || at == key.at)
		return false;
	*before = (struct span){ key.at, at - key.at };
	*after = (struct span){ at + len, key.at + key.len - (at + len) };
	return true;
}

/* A sample for each call that has the counter "call.rest". */
static void of_calls(FILE *out, const struct counters *all, const char *rest, const char *name,
		     const char *type, const char *help)
{
	struct span call, after;
	uint64_t value;
	size_t i;

	family(out, name, type, help);
	for (i = 0; i < all->nr; i++) {
		const struct counter *c = &all->counter[i];

		if (!split_key(c->key, rest, &call, &after) || after.len ||
		    memchr(call.at, '.', call.len) || !span_u64(c->value, &value))
			continue;
		fprintf(out, "mlock2mon_%s{call=", name);
		label_value(out, call);
		fprintf(out, "} %" PRIu64 "\n", value);
	}
}

/* A sample for each counter "call.group.label". */
static void of_groups(FILE *out, const struct counters *all, const char *group, const char *label,
		      const char *name, const char *help)
{
	struct span call, value;
	uint64_t number;
	size_t i;

	family(out, name, "counter", help);
	for (i = 0; i < all->nr; i++) {
		const struct counter *c = &all->counter[i];

		if (!split_key(c->key, group, &call, &value) || !span_u64(c->value, &number))
			continue;
		fprintf(out, "mlock2mon_%s{call=", name);
		label_value(out, call);
		fprintf(out, ",%s=", label);
		label_value(out, value);
		fprintf(out, "} %" PRIu64 "\n", number);
	}
}

static void calls(FILE *out, const struct counters *all)
{
	of_calls(out, all, ".entries", "calls_total", "counter", "Calls that entered the kernel.");
	of_calls(out, all, ".failures", "failures_total", "counter", "Calls that failed.");
	of_calls(out, all, ".missed", "missed_total", "counter", "Calls whose result was not "
		 "seen.");
	of_calls(out, all, ".in_flight", "in_flight", "gauge", "Calls inside the kernel now.");
	of_groups(out, all, ".errno.", "errno", "errors_total", "Calls that failed, by error.");
	of_groups(out, all, ".why.", "reason", "reasons_total",
		  "Calls that failed or changed nothing, by reason.");
}

/* --- health --- */

static void probes(FILE *out, const struct counters *all)
{
	size_t i;

	family(out, "probe_active", "gauge", "Whether a function is watched.");
	for (i = 0; i < all->nr; i++) {
		const struct counter *c = &all->counter[i];

		if (c->key.len <= 6 || memcmp(c->key.at, "probe.", 6))
			continue;
		fputs("mlock2mon_probe_active{probe=", out);
		label_value(out, (struct span){ c->key.at + 6, c->key.len - 6 });
		fprintf(out, "} %d\n", span_is(c->value, "active"));
	}
	single(out, "probes_live", "gauge", "Whether the probes of the kernel fire.",
	       counters_number(all, span_of("probes"), "live"));
}

static void health(FILE *out, const struct counters *all)
{
	static const struct {
		const char	*group, *rest, *name, *type, *help;
	} lines[] = {
		{ "ring", "records", "ring_records", "gauge", "Room of the ring, records." },
		{ "ring", "written", "ring_written_total", "counter", "Records written." },
		{ "ring", "overwritten", "ring_overwritten_total", "counter",
		  "Records no longer kept." },
		{ "ring", "dropped", "ring_dropped_total", "counter",
		  "Records that could not be written." },
		{ "ring", "collapsed", "ring_collapsed_total", "counter",
		  "Failures that share the record of others." },
		{ "readers", "open", "readers", "gauge", "Open files of the device." },
		{ "readers", "lost", "readers_lost_total", "counter", "Records readers have "
			"lost." },
		{ "tasks", "tracked", "tasks", "gauge", "Accounts in use." },
		{ "tasks", "max", "tasks_max", "gauge", "Room for accounts." },
		{ "tasks", "untracked", "untracked_total", "counter", "Calls without an account." },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		single(out, lines[i].name, lines[i].type, lines[i].help,
		       counters_number(all, span_of(lines[i].group), lines[i].rest));
	probes(out, all);
}

static void info(FILE *out, const struct counters *all)
{
	family(out, "info", "gauge", "Version of the module.");
	fputs("mlock2mon_info{version=", out);
	label_value(out, counters_text(all, "version"));
	fputs("} 1\n", out);
}

/* --- durations --- */

static bool next_word(struct span *line, struct span *word)
{
	while (line->len && *line->at == ' ') {
		line->at++;
		line->len--;
	}
	word->at = line->at;
	while (line->len && *line->at != ' ') {
		line->at++;
		line->len--;
	}
	word->len = line->at - word->at;
	return word->len;
}

/* A row counts calls that took @from or longer, but less than the next row's. */
static size_t bucket_of(uint64_t from)
{
	uint64_t bound = FIRST_BOUND;
	size_t i;

	for (i = 0; i < NR_BOUNDS && from >= bound; i++)
		bound *= 4;
	return i;
}

static bool read_row(struct histogram *h, struct span line)
{
	struct span word;
	uint64_t from, count;
	size_t i;

	if (!next_word(&line, &word) || !span_u64(word, &from))
		return false;
	for (i = 0; i < h->nr; i++) {
		if (!next_word(&line, &word) || !span_u64(word, &count))
			return false;
		h->count[i][bucket_of(from)] += count;
	}
	return true;
}

static bool read_head(struct histogram *h, struct span line)
{
	struct span word;

	if (!next_word(&line, &word) || !span_is(word, "from_ns"))
		return false;
	while (h->nr < MOST_CALLS && next_word(&line, &word))
		h->call[h->nr++] = word;
	return true;
}

static void show_histogram(FILE *out, const struct histogram *h)
{
	size_t i, b;

	family(out, "call_duration_seconds", "histogram", "How long calls took.");
	for (i = 0; i < h->nr; i++) {
		uint64_t bound = FIRST_BOUND, sum = 0;

		for (b = 0; b <= NR_BOUNDS; b++, bound *= 4) {
			sum += h->count[i][b];
			fputs("mlock2mon_call_duration_seconds_bucket{call=", out);
			label_value(out, h->call[i]);
			if (b < NR_BOUNDS)
				fprintf(out, ",le=\"%.9g\"} %" PRIu64 "\n", bound / 1e9, sum);
			else
				fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", sum);
		}
		if (openmetrics)
			continue;	/* it wants no count where there is no sum */
		fputs("mlock2mon_call_duration_seconds_count{call=", out);
		label_value(out, h->call[i]);
		fprintf(out, "} %" PRIu64 "\n", sum);
	}
}

/* @h->names must be freed in any case. */
static bool read_histogram(struct histogram *h, FILE *in)
{
	char *line = NULL;
	size_t room = 0, line_room = 0;
	ssize_t len = getline(&h->names, &room, in);
	bool ok = len > 0 && read_head(h, (struct span){ h->names, strcspn(h->names, "\n") });

	while (ok && (len = getline(&line, &line_room, in)) > 0)
		ok = read_row(h, (struct span){ line, strcspn(line, "\n") });
	free(line);
	return ok;
}

/* --- processes --- */

struct sums {
	const char	*comm;	/* escaped */
	uint64_t	locked_kb;
	uint64_t	processes;
};

static int by_locked(const void *left, const void *right)
{
	const struct sums *a = left;
	const struct sums *b = right;

	if (a->locked_kb != b->locked_kb)
		return a->locked_kb < b->locked_kb ? 1 : -1;
	return strcmp(a->comm, b->comm);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct process *)left)->comm, ((const struct process *)right)->comm);
}

/* One sum for each name; the processes are sorted by it. */
static struct sums *sum_up(struct processes *all, size_t *nr)
{
	struct sums *sums = tool_grow(NULL, (all->nr + 1) * sizeof(*sums));
	size_t i;

	*nr = 0;
	qsort(all->process, all->nr, sizeof(all->process[0]), by_name);
	for (i = 0; i < all->nr; i++) {
		const struct process *p = &all->process[i];

		if (!*nr || strcmp(sums[*nr - 1].comm, p->comm))
			sums[(*nr)++] = (struct sums){ .comm = p->comm };
		sums[*nr - 1].locked_kb += p->locked_kb;
		sums[*nr - 1].processes++;
	}
	qsort(sums, *nr, sizeof(*sums), by_locked);
	return sums;
}

static void command_line(FILE *out, struct span name, bool escaped, uint64_t kb)
{
	char *text = NULL;
	size_t len = 0;
	FILE *plain = open_memstream(&text, &len);

	if (!plain)
		return;
	if (escaped)
		plain_escaped(plain, name);
	else
		plain_string(plain, name);
	fclose(plain);
	fputs("mlock2mon_command_locked_bytes{command=", out);
	label_value(out, span_of(text));
	fprintf(out, "} %" PRIu64 "\n", kb * 1024);
	free(text);
}

/* What has the name of the rest itself is part of the rest. */
static void commands(FILE *out, struct processes *all, size_t most)
{
	size_t nr, i, shown = 0;
	struct sums *sums = sum_up(all, &nr);
	uint64_t rest = 0;

	family(out, "command_locked_bytes", "gauge",
	       "Locked memory of the commands that have most, and of the rest.");
	for (i = 0; i < nr; i++) {
		if (shown == most || !strcmp(sums[i].comm, "(rest)")) {
			rest += sums[i].locked_kb;
			continue;
		}
		command_line(out, span_of(sums[i].comm), true, sums[i].locked_kb);
		shown++;
	}
	command_line(out, span_of("(rest)"), false, rest);
	free(sums);
}

static void processes(FILE *out, struct sample *s, const struct options *opt)
{
	uint64_t locked = 0;
	size_t i;

	for (i = 0; i < s->processes.nr; i++)
		locked += s->processes.process[i].locked_kb;
	single(out, "processes", "gauge", "Processes alive that have locked or unlocked memory.",
	       s->processes.nr);
	single(out, "locked_bytes", "gauge", "What they have locked.", locked * 1024);
	if (opt->commands)
		commands(out, &s->processes, opt->commands);
}

/* --- the page --- */

static bool not_understood(const struct options *opt, const char *name)
{
	fprintf(stderr, "mlock2mon: %s/%s was not understood\n", opt->dir, name);
	return false;
}

static bool take_counters(struct sample *s, const struct options *opt)
{
	FILE *in = counters_open(opt->dir, "stats");
	bool ok;

	if (!in) {
		tool_cannot_open(opt->dir, MLOCK2MON_PROC);
		return false;
	}
	ok = counters_read(&s->counters, in);
	fclose(in);
	return ok || not_understood(opt, "stats");
}

/* A user does without these, and so does an older module. */
static bool take_processes(struct sample *s, const struct options *opt)
{
	FILE *in = counters_open(opt->dir, "tasks");
	bool ok;

	if (!in)
		return true;
	s->may_see_processes = true;
	ok = processes_read(&s->processes, in);
	fclose(in);
	return ok || not_understood(opt, "tasks");
}

static bool take_durations(struct sample *s, const struct options *opt)
{
	FILE *in = counters_open(opt->dir, "latency");
	bool ok;

	if (!in)
		return true;
	s->has_durations = true;
	ok = read_histogram(&s->durations, in);
	fclose(in);
	return ok || not_understood(opt, "latency");
}

static void write_counters(FILE *out, struct sample *s, const struct options *opt)
{
	info(out, &s->counters);
	calls(out, &s->counters);
	health(out, &s->counters);
	if (s->has_durations)
		show_histogram(out, &s->durations);
	if (s->may_see_processes)
		processes(out, s, opt);
}

static void write_sample(FILE *out, struct sample *s, const struct options *opt)
{
	single(out, "up", "gauge", "Whether the module is loaded and is understood.", s->up);
	if (s->up)
		write_counters(out, s, opt);
	if (openmetrics)
		fputs("# EOF\n", out);
}

static bool cannot_write(const char *path)
{
	fprintf(stderr, "mlock2mon: cannot write %s: %s\n", path, strerror(errno));
	return false;
}

/* Whoever reads the file sees the old one or the new one, and never a part. */
static bool write_file(struct sample *s, const struct options *opt)
{
	struct outfile file;
	int fd = outfile_open(&file, opt->output, 0644);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok;

	if (!out)
		return cannot_write(opt->output);
	write_sample(out, s, opt);
	ok = !fflush(out) && !ferror(out) && (!fsync(fd) || errno == EINVAL || errno == EROFS);
	ok = (outfile_close(&file, fd, ok) && ok) || cannot_write(opt->output);
	fclose(out);
	return ok;
}

/* --- options --- */

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "commands",	required_argument,	NULL, 'c' },
		{ "output",	required_argument,	NULL, 'o' },
		{ "openmetrics", no_argument,		NULL, 'm' },
		{ "proc",	required_argument,	NULL, 'p' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:o:mp:h", names, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (span_u64(span_of(optarg), &opt->commands) &&
			    opt->commands <= MOST_COMMANDS)
				break;
			fprintf(stderr, "mlock2mon: %s is not a number up to %d\n", optarg,
				MOST_COMMANDS);
			return false;
		case 'o':
			opt->output = optarg;
			break;
		case 'm':
			openmetrics = true;
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
	fprintf(stderr, "mlock2mon: %s is one argument too many\n", argv[optind]);
	return false;
}

int metrics_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .dir = MLOCK2MON_PROC };
	struct sample s = { .up = false };
	bool help = false;
	bool ok = true;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	s.up = take_counters(&s, &opt) && take_processes(&s, &opt) && take_durations(&s, &opt);
	if (opt.output)
		ok = write_file(&s, &opt);
	else
		write_sample(stdout, &s, &opt);
	ok = ok && s.up;
	free(s.durations.names);
	counters_free(&s.counters);
	processes_free(&s.processes);
	return tool_finish(ok ? TOOL_DONE : TOOL_FAILED);
}
