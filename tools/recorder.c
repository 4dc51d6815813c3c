// SPDX-License-Identifier: GPL-2.0
/* mlock2mon record: records of the device, put into a file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture.h"
#include "choose.h"
#include "clock.h"
#include "libmlock2mon.h"
#include "origin.h"
#include "progress.h"
#include "record.h"
#include "stop.h"
#include "text.h"
#include "tool.h"

#define NS_PER_S	1000000000LL
#define LONGEST_S	(UINT32_MAX)	/* of --for */
#define AT_ONCE		512		/* records between two looks at the clock */

struct options {
	const char		*path;
	const char		*device;
	uint64_t		since;
	uint64_t		seconds;	/* 0: until interrupted */
	bool			from_end;
	bool			follow;
	bool			force;
	struct mlock2mon_filter	filter;
};

static struct capture_writer writer;
static struct origins origins;
static struct progress progress;

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

/* Told once, as all that follows fails as well; of standard output tool_finish() tells. */
static bool cannot_write(const struct options *opt)
{
	static bool told;

	if (writer.file == stdout)
		return tool_output_ok();
	if (!told)
		complain_errno("write", opt->path);
	told = true;
	return false;
}

/* --- options --- */

static const struct option names[] = {
	{ "no-follow",	no_argument,		NULL, 'n' },
	{ "for",	required_argument,	NULL, 'f' },
	{ "since",	required_argument,	NULL, 's' },
	{ "from-end",	no_argument,		NULL, 'e' },
	{ "device",	required_argument,	NULL, 'd' },
	{ "force",	no_argument,		NULL, 'F' },
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
	case 'n':
		opt->follow = false;
		return true;
	case 'f':
		if (span_u64(span_of(optarg), &opt->seconds) && opt->seconds &&
		    opt->seconds <= LONGEST_S)
			return true;
		return complain(" is not a number of seconds", optarg);
	case 's':
		if (span_u64(span_of(optarg), &opt->since) && opt->since <= INT64_MAX)
			return true;
		return complain(" is not a sequence number", optarg);
	case 'e':
		opt->from_end = true;
		return true;
	case 'd':
		opt->device = optarg;
		return true;
	case 'F':
		opt->force = true;
		return true;
	case CHOOSE_CALL ... CHOOSE_END - 1:
		return choose(&opt->filter, c, optarg);
	default:
		return false;
	}
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	int c;

	while ((c = getopt_long(argc, argv, "nf:s:ed:Fh", names, NULL)) != -1) {
		if (c == 'h') {
			*help = true;
			return true;
		}
		if (!take_option(opt, c))
			return false;
	}
	if (optind == argc)
		return complain("the file to record into is missing", "");
	opt->path = argv[optind++];
	if (optind < argc)
		return complain(" is one argument too many", argv[optind]);
	if (opt->since && opt->from_end)
		return complain("--since and --from-end exclude each other", "");
	return true;
}

/* --- the two ends --- */

static struct mlock2mon *open_device(const struct options *opt)
{
	struct mlock2mon *device = mlock2mon_open(opt->device, MLOCK2MON_OPEN_MAP);

	if (!device) {
		tool_cannot_open(opt->device, MLOCK2MON_DEVICE);
		return NULL;
	}
	if (mlock2mon_set_filter(device, &opt->filter) ||
	    (opt->from_end && mlock2mon_seek(device, MLOCK2MON_SEEK_NEWEST, 0)))
		complain_errno("begin to read", opt->device);
	else if (!opt->since || choose_place(device, opt->since))
		return device;
	mlock2mon_close(device);
	return NULL;
}

/*
 * The file is ours alone as long as it is open. Until that is known nothing is taken from it,
 * for another may be recording into it. Systems of files that know no locks have to do without.
 */
static bool own_file(const struct options *opt, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return complain_errno("write", opt->path);
	if (!S_ISREG(st.st_mode))
		return true;
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return complain(" is being recorded into", opt->path);
	return (!fchmod(fd, 0600) && !ftruncate(fd, 0)) || complain_errno("write", opt->path);
}

/* Addresses and names are nobody else's business: the file is its owner's alone. */
static bool open_file(const struct options *opt)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	struct stat st = { .st_mode = S_IFREG };
	int fd;

	if (!strcmp(opt->path, "-")) {
		writer.file = stdout;
		return !isatty(STDOUT_FILENO) || complain("a recording is not for a terminal", "");
	}
	if (!stat(opt->path, &st) && S_ISBLK(st.st_mode))
		return complain(" is a disk, and is not overwritten", opt->path);
	if (S_ISREG(st.st_mode) && !opt->force)
		flags |= O_EXCL;
	fd = open(opt->path, flags, 0600);
	if (fd < 0 && errno == EEXIST)
		return complain(" is there already; --force overwrites it", opt->path);
	if (fd < 0)
		return complain_errno("write", opt->path);
	if (!own_file(opt, fd)) {
		close(fd);
		return false;
	}
	writer.file = fdopen(fd, "w");
	return writer.file || complain_errno("write", opt->path);
}

static void fill_names(struct capture_header *header)
{
	struct utsname name;

	uname(&name);
	snprintf(header->hostname, sizeof(header->hostname), "%s", name.nodename);
	snprintf(header->release, sizeof(header->release), "%s", name.release);
	snprintf(header->machine, sizeof(header->machine), "%s", name.machine);
}

static bool begin_file(struct mlock2mon *device, const struct options *opt)
{
	struct capture_header header = { 0 };
	struct mlock2mon_info info;

	if (mlock2mon_get_info(device, &info))
		return complain_errno("ask", opt->device);
	header.abi = info.abi;
	header.page_size = sysconf(_SC_PAGESIZE);
	header.load_id = info.load_id;
	header.boot_ns = clock_boot_ns();
	header.begin_ns = clock_ns(CLOCK_BOOTTIME);
	header.features = info.features;
	header.near_kb = info.near_kb;
	header.filter = opt->filter;
	fill_names(&header);
	writer.next = info.position;
	return capture_begin(&writer, &header) || cannot_write(opt);
}

/* --- records --- */

/*
 * What is known of a process goes before its records. Before it takes the place of
 * another in memory, as it will when the file is read, what was said of that one counts.
 */
static void keep_origin(void *arg, const struct origin *fresh, const struct origin *old)
{
	if (old->pid)
		capture_flush(&writer, writer.next);
	if (fresh->executable || fresh->container[0] || old->pid)
		capture_add_origin(&writer, fresh);
	tool_output_ok();	/* the next look at /proc may change errno */
	(void)arg;
}

/* Also of the file: false once something could not be written. */
static bool take_record(const struct mlock2mon_record *rec)
{
	if (rec->call != MLOCK2MON_LOST)
		origin_find(&origins, rec);
	return capture_add(&writer, rec) && !ferror(writer.file);
}

static void show_progress(void)
{
	char size[TEXT_SIZE_MAX];

	if (progress_due(&progress))
		progress_show(&progress, "%" PRIu64 " records, %s, %" PRIu64 " lost; Ctrl-C ends",
			      writer.sum.records, size_text(writer.size + writer.used, size),
			      writer.sum.lost);
}

/* 1: some were taken; 0: there are no more now; -1: the end, and why was said. */
static int take_records(struct mlock2mon *device, const struct options *opt)
{
	struct mlock2mon_record rec;
	int i, ret = 1;

	for (i = 0; i < AT_ONCE && ret > 0; i++) {
		ret = mlock2mon_next(device, &rec);
		if (ret < 0) {
			complain_errno("read", opt->device);
		} else if (ret && !take_record(&rec)) {
			cannot_write(opt);
			return -1;
		}
	}
	return ret;
}

/* What is there goes into the file once a second, whatever becomes of us. */
static bool flush_each_second(struct mlock2mon *device, int64_t *next_ns)
{
	struct mlock2mon_info info;
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now < *next_ns)
		return true;
	*next_ns = now + NS_PER_S;
	return mlock2mon_get_info(device, &info) || capture_flush(&writer, info.position);
}

static void wait_for_more(struct mlock2mon *device, int64_t until_ns)
{
	struct pollfd fds = { .fd = mlock2mon_fd(device), .events = POLLIN | POLLPRI };
	int64_t left = until_ns - clock_ns(CLOCK_MONOTONIC);

	stop_poll(&fds, 1, left < 0 ? 0 : left < NS_PER_S ? left : NS_PER_S);
}

/* Until there is an end, of one kind or another; false if it is a failure. */
static bool follow(struct mlock2mon *device, const struct options *opt)
{
	int64_t flush_ns = 0;
	int64_t end_ns = INT64_MAX;
	int ret;

	if (opt->seconds)
		end_ns = clock_ns(CLOCK_MONOTONIC) + opt->seconds * NS_PER_S;
	while (!stop_asked() && clock_ns(CLOCK_MONOTONIC) < end_ns) {
		ret = take_records(device, opt);
		if (ret < 0)
			return false;
		show_progress();
		if (!ret && !opt->follow)
			return true;
		if (!flush_each_second(device, &flush_ns))
			return cannot_write(opt);
		if (!ret)
			wait_for_more(device, end_ns);
	}
	return true;
}

/* What had happened when the end was asked for is taken, and nothing after it. */
static bool take_rest(struct mlock2mon *device, const struct options *opt)
{
	struct mlock2mon_info info;
	uint64_t end;
	int ret = 1;

	if (mlock2mon_get_info(device, &info))
		return complain_errno("ask", opt->device);
	end = info.next;
	while (ret > 0 && info.position < end) {
		ret = take_records(device, opt);
		if (ret < 0 || mlock2mon_get_info(device, &info))
			return false;
	}
	return true;
}

static bool end_file(struct mlock2mon *device, const struct options *opt)
{
	struct mlock2mon_info info;
	struct capture_end sum = writer.sum;
	bool ok;

	if (mlock2mon_get_info(device, &info))
		return complain_errno("ask", opt->device);
	sum.end_ns = clock_ns(CLOCK_BOOTTIME);
	sum.skipped = info.skipped;
	if (info.position > writer.next)
		writer.next = info.position;
	ok = capture_end(&writer, &sum);
	if (ok && writer.file != stdout)
		ok = !fsync(fileno(writer.file)) || errno == EINVAL;
	return ok || cannot_write(opt);
}

static void summary(const struct options *opt, int64_t began_ns)
{
	int64_t took_ms = (clock_ns(CLOCK_MONOTONIC) - began_ns) / 1000000;
	char size[TEXT_SIZE_MAX];

	fprintf(stderr, "mlock2mon: %s: %" PRIu64 " %s in %" PRId64 ".%" PRId64 " s, %s\n",
		opt->path, writer.sum.records, writer.sum.records == 1 ? "record" : "records",
		took_ms / 1000, took_ms / 100 % 10, size_text(writer.size, size));
	if (writer.sum.lost)
		fprintf(stderr, "mlock2mon: %" PRIu64 " %s lost\n", writer.sum.lost,
			writer.sum.lost == 1 ? "record was" : "records were");
}

static bool record_all(struct mlock2mon *device, const struct options *opt)
{
	bool ok;

	origins.proc = "/proc";
	origins.found = keep_origin;
	progress_begin(&progress);
	stop_on_signals();
	ok = follow(device, opt) && take_rest(device, opt);
	progress_end(&progress);
	origin_free(&origins);
	return end_file(device, opt) && ok;
}

int record_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .device = MLOCK2MON_DEVICE, .follow = true };
	int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
	struct mlock2mon *device;
	bool help = false;
	bool ok;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	device = open_device(&opt);
	if (!device)
		return TOOL_FAILED;
	ok = open_file(&opt) && begin_file(device, &opt);
	if (ok) {
		ok = record_all(device, &opt);
		if (!ferror(writer.file))
			summary(&opt, began_ns);
	}
	if (writer.file && writer.file != stdout && fclose(writer.file) && ok)
		ok = cannot_write(&opt);
	mlock2mon_close(device);
	return tool_finish(ok ? TOOL_DONE : TOOL_FAILED);
}
