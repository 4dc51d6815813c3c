// SPDX-License-Identifier: GPL-2.0
/* mlock2mon report: what mlock2mon record has put into a file, in any form. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "choose.h"
#include "libmlock2mon.h"
#include "outfile.h"
#include "progress.h"
#include "record.h"
#include "show.h"
#include "stop.h"
#include "tool.h"

#define AT_ONCE	4096	/* records between two looks at the clock */

struct options {
	const char		*path;
	const char		*output;	/* NULL: standard output */
	struct mlock2mon_filter	filter;
};

static struct show show;
static struct capture_reader reader;
static struct progress progress;
static off_t size;		/* of the file, 0 if it has none */
static struct outfile outfile;

static bool complain(const char *what, const char *which)
{
	fprintf(stderr, "mlock2mon: %s%s\n", which, what);
	return false;
}

static bool complain_errno(const char *what, const char *which)
{
	fprintf(stderr, "mlock2mon: cannot %s %s: %s\n", what, which, strerror(errno));
	return false;
}

/* --- options --- */

static const struct option names[] = {
	{ "json",	no_argument,		NULL, SHOW_JSON },
	{ "raw",	no_argument,		NULL, SHOW_RAW },
	{ "csv",	no_argument,		NULL, SHOW_CSV },
	{ "tracee",	no_argument,		NULL, SHOW_TRACEE },
	{ "tracee-legacy", no_argument,		NULL, SHOW_TRACEE_LEGACY },
	{ "perfetto",	no_argument,		NULL, SHOW_PERFETTO },
	{ "html",	no_argument,		NULL, SHOW_HTML },
	{ "color",	required_argument,	NULL, SHOW_COLOR },
	{ "wall",	no_argument,		NULL, SHOW_WALL },
	{ "output",	required_argument,	NULL, 'o' },
	{ "since",	required_argument,	NULL, 's' },
	{ "call",	required_argument,	NULL, CHOOSE_CALL },
	{ "pid",	required_argument,	NULL, CHOOSE_PID },
	{ "uid",	required_argument,	NULL, CHOOSE_UID },
	{ "cgroup",	required_argument,	NULL, CHOOSE_CGROUP },
	{ "failed",	no_argument,		NULL, CHOOSE_FAILED },
	{ "min-bytes",	required_argument,	NULL, CHOOSE_MIN_BYTES },
	{ "min-time",	required_argument,	NULL, CHOOSE_MIN_TIME },
	{ "near",	required_argument,	NULL, CHOOSE_NEAR },
	{ "help",	no_argument,		NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct options *opt, int c)
{
	switch (c) {
	case 'o':
		opt->output = optarg;
		return true;
	case 's':
		if (span_u64(span_of(optarg), &show.since) && show.since <= INT64_MAX)
			return true;
		return complain(" is not a sequence number", optarg);
	case CHOOSE_CALL ... CHOOSE_END - 1:
		return choose(&opt->filter, c, optarg);
	case SHOW_JSON:
	case SHOW_RAW:
	case SHOW_WALL:
	case SHOW_CSV ... SHOW_END - 1:
		return show_choose(&show, c, optarg);
	default:
		return false;
	}
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	int c;

	while ((c = getopt_long(argc, argv, "jrwo:s:h", names, NULL)) != -1) {
		if (c == 'h') {
			*help = true;
			return true;
		}
		if (!take_option(opt, c))
			return false;
	}
	if (optind == argc)
		return complain("the recording is missing", "");
	opt->path = argv[optind++];
	if (optind < argc)
		return complain(" is one argument too many", argv[optind]);
	if (!show_options_fit(&show))
		return false;
	if (show.form->binary && !opt->output && isatty(STDOUT_FILENO))
		return complain("this form is not for a terminal: -o FILE", "");
	return true;
}

/* --- the two ends --- */

static bool open_recording(const struct options *opt)
{
	FILE *file = strcmp(opt->path, "-") ? fopen(opt->path, "re") : stdin;
	const char *problem;
	struct stat st;

	if (!file)
		return complain_errno("open", opt->path);
	if (!fstat(fileno(file), &st) && S_ISREG(st.st_mode))
		size = st.st_size;
	problem = capture_open(&reader, file);
	if (problem) {
		fprintf(stderr, "mlock2mon: %s %s\n", opt->path, problem);
		return false;
	}
	if (reader.header.page_size != sysconf(_SC_PAGESIZE))
		fprintf(stderr, "mlock2mon: %s was recorded with pages of %" PRIu32
			" bytes; page_addr and page_len are reckoned with those of this machine\n",
			opt->path, reader.header.page_size);
	reader.origins = &show.origins;
	reader.stop = stop_asked;
	return true;
}

/* What is read is neither replaced nor written to. */
static bool is_recording(const struct options *opt)
{
	struct stat in, out;

	if (fstat(fileno(reader.file), &in) || !S_ISREG(in.st_mode))
		return false;
	if (opt->output ? stat(opt->output, &out) : fstat(STDOUT_FILENO, &out))
		return false;
	return in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static bool open_output(const struct options *opt)
{
	int fd;

	if (is_recording(opt))
		return complain(" is the recording itself",
				opt->output ? opt->output : "standard output");
	if (!opt->output)
		return true;
	fd = outfile_open(&outfile, opt->output, outfile_usual_mode());
	if (fd < 0)
		return complain_errno("write", opt->output);
	if (dup2(fd, STDOUT_FILENO) < 0)
		return complain_errno("write", opt->output);
	close(fd);
	return true;
}

static bool name_output(const struct options *opt, bool complete)
{
	return outfile_close(&outfile, STDOUT_FILENO, complete) ||
	       complain_errno("write", opt->output);
}

/* --- records --- */

static void show_progress(void)
{
	if (!progress_due(&progress))
		return;
	if (size)
		progress_show(&progress, "%" PRIu64 " records, %d %%", show.records,
			      (int)(100.0 * reader.offset / size));
	else
		progress_show(&progress, "%" PRIu64 " records", show.records);
}

/* False if it was interrupted. */
static bool each_record(const struct options *opt,
			void (*use)(struct show *show, const struct mlock2mon_record *rec))
{
	struct mlock2mon_record rec;
	unsigned int n = 0;

	while (capture_next(&reader, &rec)) {
		/* What was lost might have been left out. */
		if (rec.call == MLOCK2MON_LOST && opt->filter.fields)
			rec.attr |= MLOCK2MON_ATTR_UNFILTERED;
		if (rec.call == MLOCK2MON_LOST || mlock2mon_match(&opt->filter, &rec) > 0)
			use(&show, &rec);
		if (++n % AT_ONCE)
			continue;
		if (stop_asked() || !tool_output_ok())
			return false;
		show_progress();
	}
	return !reader.stopped;
}

static void survey(struct show *show, const struct mlock2mon_record *rec)
{
	if (rec->seq >= show->since)
		show->form->survey(show, rec);
}

static bool report_all(const struct options *opt)
{
	bool ok = true;

	if (show.form->survey)
		ok = each_record(opt, survey) &&
		     (capture_rewind(&reader) ||
		      complain(" must be a file: it is read twice", opt->path));
	if (!ok)
		return false;
	show_begin(&show);
	ok = each_record(opt, show_record);
	/* Half of a page is none, but lines that were written are. */
	if (ok || !show.form->end)
		show_end(&show);
	return ok;
}

static bool tell_health(const struct options *opt)
{
	const struct capture_health *health = &reader.health;

	if (health->damages)
		fprintf(stderr, "mlock2mon: %s is damaged: %" PRIu64 " bytes in %" PRIu64
			" %s were passed over\n", opt->path, health->damaged_bytes, health->damages,
			health->damages == 1 ? "place" : "places");
	if (health->behind)
		fprintf(stderr, "mlock2mon: %s goes on behind its end: %" PRIu64
			" bytes were not looked at\n", opt->path, health->behind);
	if (health->hopeless)
		fprintf(stderr, "mlock2mon: %s is given up at byte %" PRIu64
			": too much looks like blocks and is none\n", opt->path, reader.offset);
	else if (!health->ended)
		fprintf(stderr, "mlock2mon: %s has no end: recording was cut off, or goes on\n",
			opt->path);
	return health->ended && !health->damages && !health->behind;
}

/* Loss is told in the file, and a damaged file is one that was not all there to be shown. */
int report_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { 0 };
	bool help = false;
	bool ok;

	show_init(&show, stdout);
	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	if (!open_recording(&opt)) {
		capture_close(&reader);
		return TOOL_FAILED;
	}
	stop_on_signals();	/* from here on there may be a file that is to be taken away */
	if (!open_output(&opt)) {
		capture_close(&reader);
		return TOOL_FAILED;
	}
	show.header = &reader.header;
	show.world.boot_ns = reader.header.boot_ns;
	show.world.hostname = reader.header.hostname;
	progress_begin(&progress);
	ok = report_all(&opt);
	progress_end(&progress);
	if (!ok && stop_asked())
		complain("interrupted", "");
	ok = tool_finish(ok ? TOOL_DONE : TOOL_FAILED) == TOOL_DONE;
	ok = name_output(&opt, ok) && ok;
	show_tell(&show);
	if (ok)
		ok = tell_health(&opt);
	capture_close(&reader);
	return ok ? TOOL_DONE : TOOL_FAILED;
}
