// SPDX-License-Identifier: GPL-2.0
/* mlock2mon run: a command, and then what it and its children did with locked memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "libmlock2mon.h"
#include "outfile.h"
#include "text.h"
#include "tool.h"
#include "watch.h"

struct options {
	const char	*path;
	const char	*output;	/* NULL: standard error */
	bool		brief;
	char		**command;
};

struct target {
	struct outfile	file;
	FILE		*stream;
};

/* --- the account --- */

static void call_row(FILE *out, unsigned int call, const struct call_sum *sum, uint64_t all_ns)
{
	char total[TEXT_SIZE_MAX], each[TEXT_SIZE_MAX], most[TEXT_SIZE_MAX], size[TEXT_SIZE_MAX];

	fprintf(out, "%6.2f %9s %9s %9s %8" PRIu64 " %8" PRIu64 " %8s %s\n",
		all_ns ? 100.0 * sum->total_ns / all_ns : 0.0,
		duration_text(sum->total_ns, total),
		duration_text(sum->total_ns / sum->calls, each),
		duration_text(sum->max_ns, most), sum->calls, sum->failures,
		size_text(sum->bytes, size), mlock2mon_call_name(call));
}

/* Most time first, as strace -c has it. */
static void call_table(FILE *out, const struct watch *w)
{
	bool shown[MLOCK2MON_NR_CALLS] = { false };
	uint64_t all_ns = 0;
	unsigned int i, n;

	for (i = 0; i < MLOCK2MON_NR_CALLS; i++)
		all_ns += w->call[i].total_ns;
	fprintf(out, "%6s %9s %9s %9s %8s %8s %8s %s\n", "% TIME", "TIME", "EACH", "LONGEST",
		"CALLS",
		"FAILED", "SIZE", "CALL");
	for (n = 0; n < MLOCK2MON_NR_CALLS; n++) {
		unsigned int most = MLOCK2MON_NR_CALLS;

		for (i = 0; i < MLOCK2MON_NR_CALLS; i++) {
			if (!shown[i] && w->call[i].calls &&
			    (most == MLOCK2MON_NR_CALLS ||
			     w->call[i].total_ns > w->call[most].total_ns))
				most = i;
		}
		if (most == MLOCK2MON_NR_CALLS)
			return;
		shown[most] = true;
		call_row(out, most, &w->call[most], all_ns);
	}
}

static void process_table(FILE *out, const struct watch *w)
{
	char peak[TEXT_SIZE_MAX], took[TEXT_SIZE_MAX];
	size_t i;

	fprintf(out, "\n%8s %-16s %8s %8s %8s %9s\n", "PID", "PROCESS", "PEAK", "CALLS", "FAILED",
		"TIME");
	for (i = 0; i < w->stories.nr; i++) {
		const struct story *s = &w->stories.story[i];

		fprintf(out, "%8u ", s->pid);
		plain_column(out, span_of(s->last.comm), 16);
		fprintf(out, "%8s %8" PRIu64 " %8" PRIu64 " %9s\n", size_text(s->peak, peak),
			s->calls,
			s->failures, duration_text(s->total_ns, took));
	}
}

static void account(FILE *out, const struct watch *w, bool brief)
{
	char took[TEXT_SIZE_MAX];

	fputs("\nmlock2mon: ", out);
	plain_string(out, span_of(w->command[0]));
	fprintf(out, " took %s\n", duration_text(w->took_ns, took));
	if (w->stories.nr) {
		putc('\n', out);
		call_table(out, w);
		process_table(out, w);
		putc('\n', out);
	}
	if (!brief || !w->stories.nr)
		explain_watch(out, w);
	if (w->stories.forgotten)
		fprintf(out, "\n%" PRIu64 " older processes have no row: the first table counts "
			"them.\n", w->stories.forgotten);
	if (!w->family.exact)
		fputs("\nNot every fork was told by the kernel: children of children may be "
		      "missing.\n",
		      out);
	if (w->stories.lost)
		fprintf(out, "\n%" PRIu64 " records were lost: load the module with a larger "
			"ring_records.\n", w->stories.lost);
}

/* 0, or why not all of it could be written: an errno. */
static int write_text(FILE *out, const char *text, size_t len)
{
	errno = 0;
	if (fwrite(text, 1, len, out) == len && !fflush(out))
		return 0;
	return errno ? errno : EIO;
}

static int cannot_write(const char *what, int error)
{
	fprintf(stderr, "mlock2mon: cannot write %s: %s\n", what, strerror(error));
	return TOOL_FAILED;
}

static bool open_target(struct target *to, const char *path)
{
	int fd = outfile_open(&to->file, path, outfile_usual_mode());

	to->stream = fd < 0 ? NULL : fdopen(fd, "w");
	return to->stream;
}

/* What was there before stays as it was. */
static void drop(struct target *to)
{
	outfile_close(&to->file, fileno(to->stream), false);
	fclose(to->stream);
}

/* Closes the @file; what it does not take goes to standard error. */
static int write_file(struct target *file, const char *name, const char *text, size_t len)
{
	int error = write_text(file->stream, text, len);

	if (!outfile_close(&file->file, fileno(file->stream), !error) && !error)
		error = errno;
	if (fclose(file->stream) && !error)
		error = errno;
	if (!error)
		return TOOL_DONE;
	cannot_write(name, error);
	write_text(stderr, text, len);
	return TOOL_FAILED;
}

/* To the @file that -o names, or else to standard error. */
static int write_account(const struct watch *w, const struct options *opt, struct target *file)
{
	int status, error;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return cannot_write("the account", errno);
	account(out, w, opt->brief);
	if (fclose(out)) {
		status = cannot_write("the account", errno);
		if (opt->output)
			drop(file);
	} else if (opt->output) {
		status = write_file(file, opt->output, text, len);
	} else {
		error = write_text(stderr, text, len);
		status = error ? cannot_write("the account", error) : TOOL_DONE;
	}
	free(text);
	return status;
}

/* --- options --- */

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "brief",	no_argument,		NULL, 'b' },
		{ "output",	required_argument,	NULL, 'o' },
		{ "device",	required_argument,	NULL, 'd' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+bo:d:h", names, NULL)) != -1) {
		switch (c) {
		case 'b':
			opt->brief = true;
			break;
		case 'o':
			opt->output = optarg;
			break;
		case 'd':
			opt->path = optarg;
			break;
		case 'h':
			*help = true;
			return true;
		default:
			return false;
		}
	}
	opt->command = argv + optind;
	if (optind < argc)
		return true;
	fprintf(stderr, "mlock2mon: a command is needed\n");
	return false;
}

static int run_command(const struct options *opt, struct target *file)
{
	struct watch w;
	int status = watch_command(&w, opt->path, opt->command);

	if (!status)
		status = write_account(&w, opt, file) ? TOOL_FAILED : watch_exit_status(&w);
	else if (opt->output)
		drop(file);
	watch_free(&w);
	return status;
}

int run_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .path = MLOCK2MON_DEVICE };
	struct target file;
	bool help = false;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	/* Before the command: it may take long, and would have to be run again. */
	if (opt.output && !open_target(&file, opt.output))
		return cannot_write(opt.output, errno);
	return run_command(&opt, &file);
}
