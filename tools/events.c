// SPDX-License-Identifier: GPL-2.0
/*
 * mlock2mon events: follow /dev/mlock2mon, or lines that were taken from it.
 *
 * Of the device the library gives records, and they become lines here, so that
 * both kinds of input go the same way from there on. Nothing is read that would
 * block, and all waiting is done in ppoll(), where a signal can end it without a
 * race.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "choose.h"
#include "event.h"
#include "libmlock2mon.h"
#include "record.h"
#include "tool.h"

#define FIRST_ROOM	65536
#define MOST_ROOM	(64 << 20)	/* no line is so long: this is not our device */
#define NS_PER_S	1000000000

enum format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_RAW,
};

struct options {
	const char		*path;
	enum format		format;
	struct event_view	view;
	uint64_t		since;
	bool			from_end;
	bool			follow;
	bool			map;
	struct mlock2mon_filter	filter;
};

/* The device; or a file or pipe of lines, which may end. */
struct input {
	struct mlock2mon	*device;	/* or NULL */
	int			fd;

	/* Of lines, what was read and is not yet written: the beginning of one, at most. */
	char			*buf;
	size_t			used;
	size_t			room;
};

/* What is told at the end. */
struct tally {
	uint64_t	lost;
	uint64_t	gaps;
	uint64_t	unknown;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/*
 * The first signal asks for an orderly end, a second one kills: a write to a
 * pipe nobody empties may never return.
 */
static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

static bool complain(const char *what, const char *which)
{
	fprintf(stderr, "mlock2mon: %s%s\n", which, what);
	return false;
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "no-follow",	no_argument,		NULL, 'n' },
		{ "json",	no_argument,		NULL, 'j' },
		{ "raw",	no_argument,		NULL, 'r' },
		{ "since",	required_argument,	NULL, 's' },
		{ "from-end",	no_argument,		NULL, 'e' },
		{ "wall",	no_argument,		NULL, 'w' },
		{ "device",	required_argument,	NULL, 'd' },
		{ "map",	no_argument,		NULL, 'm' },
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
	bool json = false, raw = false, since = false;
	int c;

	while ((c = getopt_long(argc, argv, "njrs:ewd:mh", names, NULL)) != -1) {
		switch (c) {
		case 'n':
			opt->follow = false;
			break;
		case 'j':
			json = true;
			break;
		case 'r':
			raw = true;
			break;
		case 's':
			since = true;
			if (!span_u64(span_of(optarg), &opt->since) || opt->since > INT64_MAX)
				return complain(" is not a sequence number", optarg);
			break;
		case 'e':
			opt->from_end = true;
			break;
		case 'w':
			opt->view.wall = true;
			break;
		case 'd':
			opt->path = optarg;
			break;
		case 'm':
			opt->map = true;
			break;
		case 'h':
			*help = true;
			return true;
		case CHOOSE_CALL ... CHOOSE_END - 1:
			if (!choose(&opt->filter, c, optarg))
				return false;
			break;
		default:
			return false;
		}
	}
	if (optind < argc)
		return complain(" is one argument too many", argv[optind]);
	if (json && raw)
		return complain("--json and --raw exclude each other", "");
	if (since && opt->from_end)
		return complain("--since and --from-end exclude each other", "");
	opt->format = json ? FORMAT_JSON : raw ? FORMAT_RAW : FORMAT_TEXT;
	return true;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static bool want_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

/* --- where to begin --- */

static bool no_such_place(struct mlock2mon *device, const struct options *opt)
{
	struct mlock2mon_info info;

	if (errno != EINVAL || mlock2mon_get_info(device, &info)) {
		fprintf(stderr, "mlock2mon: cannot go to record %" PRIu64 ": %s\n", opt->since,
			strerror(errno));
		return false;
	}
	fprintf(stderr, "mlock2mon: there is no record %" PRIu64 " yet: the next one will be %"
		PRIu64 "\n", opt->since, (uint64_t)info.next);
	return false;
}

static bool set_up_device(struct mlock2mon *device, const struct options *opt)
{
	if (mlock2mon_set_filter(device, &opt->filter)) {
		fprintf(stderr, "mlock2mon: cannot choose records of %s: %s\n", opt->path,
			strerror(errno));
		return false;
	}
	if (opt->from_end && mlock2mon_seek(device, MLOCK2MON_SEEK_NEWEST, 0)) {
		fprintf(stderr, "mlock2mon: cannot go to the end of %s: %s\n", opt->path,
			strerror(errno));
		return false;
	}
	if (opt->since && mlock2mon_seek(device, MLOCK2MON_SEEK_NUMBER, opt->since))
		return no_such_place(device, opt);
	return true;
}

/* False, with ENOTTY if it is none of ours, but perhaps has lines. */
static bool open_device(struct input *in, const struct options *opt)
{
	struct stat st;

	if (stat(opt->path, &st))
		return false;
	if (!S_ISCHR(st.st_mode)) {
		errno = ENOTTY;
		return false;
	}
	in->device = mlock2mon_open(opt->path, opt->map ? MLOCK2MON_OPEN_MAP : 0);
	if (!in->device)
		return false;
	in->fd = mlock2mon_fd(in->device);
	return true;
}

static bool open_lines(struct input *in, const struct options *opt)
{
	in->fd = open(opt->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0) {
		tool_cannot_open(opt->path, MLOCK2MON_DEVICE);
		return false;
	}
	if (opt->map || opt->filter.fields) {
		fprintf(stderr, "mlock2mon: %s gives lines: only of the device can records be "
			"chosen, or mapped\n", opt->path);
		return false;
	}
	if (opt->from_end && lseek(in->fd, 0, SEEK_END) < 0) {
		fprintf(stderr, "mlock2mon: cannot go to the end of %s: %s\n", opt->path,
			strerror(errno));
		return false;
	}
	in->room = FIRST_ROOM;
	in->buf = tool_grow(NULL, in->room);
	return true;
}

static bool open_input(struct input *in, const struct options *opt)
{
	if (open_device(in, opt))
		return set_up_device(in->device, opt);
	if (errno == ENOTTY || errno == ENOENT)
		return open_lines(in, opt);
	tool_cannot_open(opt->path, MLOCK2MON_DEVICE);
	return false;
}

static void close_input(struct input *in)
{
	if (in->device)
		mlock2mon_close(in->device);
	else if (in->fd >= 0)
		close(in->fd);
	free(in->buf);
}

/* --- line by line --- */

static void show_record(const struct record *rec, struct span line, const struct options *opt)
{
	if (opt->format == FORMAT_JSON)
		event_json(stdout, rec);
	else if (opt->format == FORMAT_TEXT)
		event_text(stdout, rec, &opt->view);
	else
		fwrite(line.at, 1, line.len + 1, stdout);
}

static void show_unknown(struct span line, bool whole, const struct options *opt)
{
	if (opt->format == FORMAT_JSON)
		event_json_unknown(stdout, line);
	else if (opt->format == FORMAT_TEXT)
		event_text_unknown(stdout, line);
	else
		fwrite(line.at, 1, line.len + whole, stdout);
}

/* @whole lines are followed by their newline. */
static void do_line(struct span line, bool whole, const struct options *opt, struct tally *tally)
{
	struct record rec;

	if (!whole || !record_parse(&rec, line.at, line.len)) {
		tally->unknown++;
		show_unknown(line, whole, opt);
		return;
	}
	/* The device has skipped these itself. */
	if (rec.last_seq < opt->since)
		return;
	if (rec.kind == RECORD_LOSS) {
		tally->gaps++;
		if (__builtin_add_overflow(tally->lost, rec.lost, &tally->lost))
			tally->lost = UINT64_MAX;
	}
	show_record(&rec, line, opt);
}

/* Write the whole lines, keep the rest. */
static bool do_lines(struct input *in, size_t fresh, const struct options *opt,
		     struct tally *tally)
{
	const char *from = in->buf;
	const char *end = in->buf + in->used + fresh;
	const char *newline = memchr(in->buf + in->used, '\n', fresh);

	while (newline && tool_output_ok()) {
		do_line((struct span){ from, newline - from }, true, opt, tally);
		from = newline + 1;
		newline = memchr(from, '\n', end - from);
	}
	in->used = end - from;
	memmove(in->buf, from, in->used);
	return tool_output_ok();
}

enum progress {
	MORE,
	WAIT,
	FINISHED,
	FAIL,
};

static enum progress read_failed(const struct options *opt)
{
	fprintf(stderr, "mlock2mon: cannot read %s: %s\n", opt->path, strerror(errno));
	return FAIL;
}

static enum progress read_record(struct input *in, const struct options *opt, struct tally *tally)
{
	char line[MLOCK2MON_LINE_MAX];
	struct mlock2mon_record rec;
	size_t len;
	int ret;

	ret = mlock2mon_next(in->device, &rec);
	if (ret < 0)
		return read_failed(opt);
	if (!ret)
		return WAIT;
	len = mlock2mon_format(line, sizeof(line), &rec);
	do_line((struct span){ line, len - 1 }, true, opt, tally);
	return tool_output_ok() ? MORE : FAIL;
}

static enum progress read_lines(struct input *in, const struct options *opt, struct tally *tally)
{
	ssize_t got;

	if (in->room - in->used < in->room / 2) {
		if (in->room >= MOST_ROOM) {
			fprintf(stderr, "mlock2mon: %s has no lines\n", opt->path);
			return FAIL;
		}
		in->room *= 2;
		in->buf = tool_grow(in->buf, in->room);
	}
	got = read(in->fd, in->buf + in->used, in->room - in->used);
	if (got > 0)
		return do_lines(in, got, opt, tally) ? MORE : FAIL;
	if (!got)
		return FINISHED;
	if (errno == EAGAIN)
		return WAIT;
	return errno == EINTR ? MORE : read_failed(opt);
}

/*
 * Wait for the input, for a signal, or for the reader of our output to leave.
 * The signals are blocked from before the look at @stop until ppoll() sleeps.
 */
static bool wait_for_more(const struct input *in)
{
	struct pollfd fds[] = {
		{ .fd = in->fd, .events = POLLIN | POLLPRI },
		{ .fd = STDOUT_FILENO },
	};
	sigset_t ours, before;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_BLOCK, &ours, &before);
	if (!stop)
		ppoll(fds, 2, NULL, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return !(fds[1].revents & (POLLERR | POLLNVAL));
}

static bool copy_events(struct input *in, const struct options *opt, struct tally *tally)
{
	enum progress p;

	while (!stop) {
		p = in->device ? read_record(in, opt, tally) : read_lines(in, opt, tally);
		if (p == FAIL)
			return false;
		if (p == FINISHED) {
			if (in->used)
				do_line((struct span){ in->buf, in->used }, false, opt, tally);
			return tool_output_ok();
		}
		if (p == MORE)
			continue;
		if (!opt->follow)
			return true;
		fflush(stdout);
		if (!tool_output_ok() || !wait_for_more(in))
			return false;
	}
	return true;
}

static void tell(const struct tally *tally)
{
	if (tally->lost)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s lost in %" PRIu64 " %s\n", tally->lost,
			tally->lost == 1 ? "record was" : "records were", tally->gaps,
			tally->gaps == 1 ? "place" : "places");
	if (tally->unknown)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s not understood\n", tally->unknown,
			tally->unknown == 1 ? "line was" : "lines were");
}

int events_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .path = MLOCK2MON_DEVICE, .follow = true };
	struct tally tally = { 0 };
	struct input in = { .fd = -1 };
	bool help = false;
	bool ok;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	if (!open_input(&in, &opt)) {
		close_input(&in);
		return TOOL_FAILED;
	}

	opt.view.colour = want_colour();
	opt.view.wall_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	if (opt.follow)
		setvbuf(stdout, NULL, _IOLBF, 0);
	catch_signals();

	if (opt.format == FORMAT_TEXT)
		event_text_header(stdout, &opt.view);
	ok = tool_output_ok() && copy_events(&in, &opt, &tally);
	ok = tool_finish(ok ? TOOL_DONE : TOOL_FAILED) == TOOL_DONE && !tally.unknown;
	tell(&tally);
	close_input(&in);
	return ok ? TOOL_DONE : TOOL_FAILED;
}
