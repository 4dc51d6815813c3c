// SPDX-License-Identifier: GPL-2.0
/*
 * mlock2mon events: follow /dev/mlock2mon, or lines that were taken from it.
 *
 * Nothing is read that would block, and all waiting is done in stop_poll(), where a
 * signal can end it without a race.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "choose.h"
#include "clock.h"
#include "event.h"
#include "libmlock2mon.h"
#include "record.h"
#include "show.h"
#include "stop.h"
#include "tool.h"

#define FIRST_ROOM	65536
#define MOST_ROOM	(64 << 20)	/* no line is so long: this is not our device */

struct options {
	const char		*path;
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

static struct show show;	/* how, and what was shown */
static uint64_t unknown;	/* lines that were not understood */

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
		{ "csv",	no_argument,		NULL, SHOW_CSV },
		{ "tracee",	no_argument,		NULL, SHOW_TRACEE },
		{ "tracee-legacy", no_argument,		NULL, SHOW_TRACEE_LEGACY },
		{ "color",	required_argument,	NULL, SHOW_COLOR },
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
	bool since = false;
	int c;

	while ((c = getopt_long(argc, argv, "njrs:ewd:mh", names, NULL)) != -1) {
		switch (c) {
		case 'n':
			opt->follow = false;
			break;
		case 's':
			since = true;
			if (!span_u64(span_of(optarg), &show.since) || show.since > INT64_MAX)
				return complain(" is not a sequence number", optarg);
			break;
		case 'e':
			opt->from_end = true;
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
		case SHOW_JSON:
		case SHOW_RAW:
		case SHOW_WALL:
		case SHOW_CSV ... SHOW_END - 1:
			if (!show_choose(&show, c, optarg))
				return false;
			break;
		default:
			return false;
		}
	}
	if (optind < argc)
		return complain(" is one argument too many", argv[optind]);
	if (since && opt->from_end)
		return complain("--since and --from-end exclude each other", "");
	return show_options_fit(&show);
}

/* --- where to begin --- */

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
	return !show.since || choose_place(device, show.since);
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
	if (!show_takes_lines(&show)) {
		fprintf(stderr, "mlock2mon: %s gives lines: only records of the device can be "
			"shown so\n", opt->path);
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

static void show_parts(const struct record *rec, struct span line)
{
	if (show_is_json(&show))
		event_json(stdout, rec);
	else if (show_is_text(&show))
		event_text(stdout, rec, &show.view);
	else
		fwrite(line.at, 1, line.len + 1, stdout);
}

static void show_unknown(struct span line, bool whole)
{
	if (show_is_json(&show))
		event_json_unknown(stdout, line);
	else if (show_is_text(&show))
		event_text_unknown(stdout, line);
	else
		fwrite(line.at, 1, line.len + whole, stdout);
}

/* @whole lines are followed by their newline. */
static void do_line(struct span line, bool whole)
{
	struct record rec;

	if (!whole || !record_parse(&rec, line.at, line.len)) {
		unknown++;
		show_unknown(line, whole);
		return;
	}
	/* The device has skipped these itself. */
	if (rec.last_seq < show.since)
		return;
	if (rec.kind == RECORD_LOSS) {
		show.gaps++;
		if (__builtin_add_overflow(show.lost, rec.lost, &show.lost))
			show.lost = UINT64_MAX;
	}
	show_parts(&rec, line);
}

/* Write the whole lines, keep the rest. */
static bool do_lines(struct input *in, size_t fresh)
{
	const char *from = in->buf;
	const char *end = in->buf + in->used + fresh;
	const char *newline = memchr(in->buf + in->used, '\n', fresh);

	while (newline && tool_output_ok()) {
		do_line((struct span){ from, newline - from }, true);
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

static enum progress read_record(struct input *in, const struct options *opt)
{
	struct mlock2mon_record rec;
	int ret;

	ret = mlock2mon_next(in->device, &rec);
	if (ret < 0)
		return read_failed(opt);
	if (!ret)
		return WAIT;
	show_record(&show, &rec);
	return tool_output_ok() ? MORE : FAIL;
}

static enum progress read_lines(struct input *in, const struct options *opt)
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
		return do_lines(in, got) ? MORE : FAIL;
	if (!got)
		return FINISHED;
	if (errno == EAGAIN)
		return WAIT;
	return errno == EINTR ? MORE : read_failed(opt);
}

/* Wait for the input, for a signal, or for the reader of our output to leave. */
static bool wait_for_more(const struct input *in)
{
	struct pollfd fds[] = {
		{ .fd = in->fd, .events = POLLIN | POLLPRI },
		{ .fd = STDOUT_FILENO },
	};

	stop_poll(fds, 2, -1);
	return !(fds[1].revents & (POLLERR | POLLNVAL));
}

static bool copy_events(struct input *in, const struct options *opt)
{
	enum progress p;

	while (!stop_asked()) {
		p = in->device ? read_record(in, opt) : read_lines(in, opt);
		if (p == FAIL)
			return false;
		if (p == FINISHED) {
			if (in->used)
				do_line((struct span){ in->buf, in->used }, false);
			return tool_output_ok();
		}
		if (p == MORE)
			continue;
		if (!opt->follow)
			return true;
		show_flush(&show);
		if (!tool_output_ok() || !wait_for_more(in))
			return false;
	}
	return true;
}

static void tell_unknown(void)
{
	if (unknown)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s not understood\n", unknown,
			unknown == 1 ? "line was" : "lines were");
}

static void know_world(void)
{
	static struct utsname name;

	uname(&name);
	show.world.hostname = name.nodename;
	show.world.boot_ns = clock_boot_ns();
	show.origins.proc = "/proc";
}

int events_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .path = MLOCK2MON_DEVICE, .follow = true };
	struct input in = { .fd = -1 };
	bool help = false;
	bool ok;

	show_init(&show, stdout);
	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	if (!open_input(&in, &opt)) {
		close_input(&in);
		return TOOL_FAILED;
	}

	know_world();
	if (opt.follow)
		setvbuf(stdout, NULL, _IOLBF, 0);
	stop_on_signals();

	show_begin(&show);
	ok = tool_output_ok() && copy_events(&in, &opt);
	show_end(&show);
	ok = tool_finish(ok ? TOOL_DONE : TOOL_FAILED) == TOOL_DONE && !unknown;
	show_tell(&show);
	tell_unknown();
	close_input(&in);
	return ok ? TOOL_DONE : TOOL_FAILED;
}
