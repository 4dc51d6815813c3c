// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * filter: formats, filters and watermarks of /dev/mlock2mon, as one user of it sees them.
 *
 *	filter CGROUP
 *
 * To be run when the module was loaded with ring_records=64 and nobody else calls.
 * CGROUP is a directory of the unified hierarchy that a child can be put into.
 *
 * What a filter must let through is reckoned here once more, from the records that
 * another file without a filter gives.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "opened.h"
#include "promise.h"

#define PAGE		4096UL
#define RING		64
#define NOBODY		65534
#define LIMIT		65536UL		/* of the child, bytes */
#define READABLE	(POLLIN | POLLRDNORM)
#define LOSSY		(READABLE | POLLPRI)
#define BIT(n)		(1U << (n))
#define RECORD_SIZE	sizeof(struct mlock2mon_record)
#define ROUNDS		41

typedef unsigned long long u64;

static char *memory;
static const char *cgroup_dir;
static u64 child_cgroup;
static pid_t child_pid;

/* ---- small things ---------------------------------------------------------------------- */

static void set_format(int fd, __u32 format)
{
	need(!ioctl(fd, MLOCK2MON_IOC_FORMAT, &format), "set the format");
}

static void set_watermark(int fd, __u32 watermark)
{
	need(!ioctl(fd, MLOCK2MON_IOC_WATERMARK, &watermark), "set the watermark");
}

static void set_filter(int fd, struct mlock2mon_filter f)
{
	need(!ioctl(fd, MLOCK2MON_IOC_FILTER, &f), "set a filter");
}

static struct mlock2mon_info info_of(int fd)
{
	struct mlock2mon_info info;

	need(!ioctl(fd, MLOCK2MON_IOC_INFO, &info), "ask for the info");
	return info;
}

static u64 seek(int fd, u64 offset, int whence)
{
	off_t pos = lseek(fd, offset, whence);

	need(pos != -1, "seek");
	return pos;
}

/* A file past the newest record, that gives records. */
static int open_at_end(int flags)
{
	int fd = open_device(flags);

	set_format(fd, MLOCK2MON_FORMAT_BINARY);
	seek(fd, 0, SEEK_END);
	return fd;
}

static int get_records(int fd, struct mlock2mon_record *rec, int max)
{
	ssize_t ret = read(fd, rec, max * sizeof(*rec));

	if (ret == -1 && errno == EAGAIN)
		return 0;
	need(ret >= 0 && ret % sizeof(*rec) == 0, "read whole records");
	return ret / sizeof(*rec);
}

static bool polls(int fd, short want)
{
	struct pollfd pfd = { .fd = fd, .events = READABLE | POLLPRI };

	need(poll(&pfd, 1, 0) != -1, "poll");
	if (pfd.revents != want)
		note("poll gives %#x, not %#x", pfd.revents, want);
	return pfd.revents == want;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts))
		;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void lock_once(void)
{
	need(!syscall(SYS_mlock2, memory, PAGE, 0), "mlock2");
}

static void unlock_once(void)
{
	need(!munlock(memory, PAGE), "munlock");
}

static void locks(int n)
{
	while (n--)
		lock_once();
}

static void unlocks(int n)
{
	while (n--)
		unlock_once();
}

/* ---- what there is to filter ------------------------------------------------------------ */

static void join_cgroup(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_dir);
	fd = open(path, O_WRONLY);
	need(fd != -1 && write(fd, "0", 1) == 1, "join the cgroup");
	close(fd);
}

static void call_as_nobody(void)
{
	struct rlimit limit = { LIMIT, LIMIT };

	join_cgroup();
	need(!setrlimit(RLIMIT_MEMLOCK, &limit), "set the limit");
	need(!setresuid(NOBODY, NOBODY, NOBODY), "change uid");
	need(!mlock(memory, 2 * PAGE), "mlock");
	need(!mlock(memory + 4 * PAGE, 12 * PAGE), "mlock");
	need(mlock(memory, 32 * PAGE) == -1, "be refused");
	need(!munlock(memory, 3 * PAGE), "munlock");
	need(syscall(SYS_mlock2, memory, PAGE, 0x40) == -1, "be refused");
}

/* Calls of two processes, users, cgroups; of all sizes; some fail. */
static void make_mixture(void)
{
	int status;

	lock_once();
	need(!mlock(memory, 5 * PAGE), "mlock");
	need(syscall(SYS_mlock2, memory, 7 * PAGE, 0x80) == -1, "be refused");
	need(syscall(SYS_mlock2, memory, PAGE, 0x100) == -1, "be refused");
	child_pid = fork();
	need(child_pid != -1, "fork");
	if (!child_pid) {
		call_as_nobody();
		_exit(0);
	}
	need(waitpid(child_pid, &status, 0) == child_pid && !status, "call in a child");
	need(!munlock(memory, 9 * PAGE), "munlock");
	need(!mlock(memory + PAGE, 16 * PAGE), "mlock");
	need(!munlockall(), "munlockall");
	need(mlockall(0x80) == -1, "be refused");
	unlock_once();
}

static bool locks_memory(const struct mlock2mon_record *rec)
{
	return rec->call == MLOCK2MON_MLOCK2 || rec->call == MLOCK2MON_MLOCK ||
	       rec->call == MLOCK2MON_MLOCKALL;
}

/* What a filter should do with a record: let it through, perhaps with another reason. */
static bool should_pass(const struct mlock2mon_filter *f, struct mlock2mon_record *rec)
{
	__s64 left = rec->limit - rec->locked;
	bool pass = true;

	if (f->fields & MLOCK2MON_FILTER_CALLS)
		pass = pass && f->calls & BIT(rec->call);
	if (f->fields & MLOCK2MON_FILTER_TGID)
		pass = pass && rec->pid == f->tgid;
	if (f->fields & MLOCK2MON_FILTER_UID)
		pass = pass && rec->uid == f->uid;
	if (f->fields & MLOCK2MON_FILTER_CGROUP)
		pass = pass && rec->cgroup == f->cgroup;
	if (f->fields & MLOCK2MON_FILTER_FAILURES)
		pass = pass && rec->ret < 0;
	if (f->fields & MLOCK2MON_FILTER_MIN_BYTES)
		pass = pass && rec->len >= f->min_bytes;
	if (f->fields & MLOCK2MON_FILTER_MIN_DUR)
		pass = pass && rec->dur_ns >= f->min_dur_ns;
	if (!(f->fields & MLOCK2MON_FILTER_NEAR) || !pass)
		return pass;
	if (!locks_memory(rec) || rec->ret || rec->why || rec->attr & MLOCK2MON_ATTR_CAP ||
	    left >= (__s64)f->near_bytes)
		return false;
	rec->why = MLOCK2MON_WHY_NEAR_LIMIT;
	rec->detail = left;
	return true;
}

/* ---- each field, and several ------------------------------------------------------------ */

struct mixture {
	struct mlock2mon_record	rec[RING];
	int	n;
	u64	start;
};

static bool same_records(const struct mlock2mon_record *got, int n,
			 const struct mlock2mon_record *want, int wanted)
{
	int i;

	for (i = 0; i < n && i < wanted; i++) {
		if (!memcmp(&got[i], &want[i], sizeof(*got)))
			continue;
		note("record %d: seq %llu, not %llu, or another content", i,
		     (u64)got[i].seq, (u64)want[i].seq);
		return false;
	}
	return equal(n, wanted);
}

static bool filters(const struct mixture *mix, const struct mlock2mon_filter *f, const char *what)
{
	int fd = open_at_end(O_NONBLOCK);
	struct mlock2mon_record want[RING], got[RING];
	struct mlock2mon_info info;
	int i, n, wanted = 0;
	bool right;

	seek(fd, mix->start, SEEK_SET);
	set_filter(fd, *f);
	for (i = 0; i < mix->n; i++) {
		want[wanted] = mix->rec[i];
		wanted += should_pass(f, &want[wanted]);
	}
	n = get_records(fd, got, RING);
	info = info_of(fd);
	right = same_records(got, n, want, wanted) && equal(info.skipped, mix->n - n) &&
		equal(info.lost, 0) && equal(info.position, mix->start + mix->n);
	note("%s: %d of %d", what, n, mix->n);
	close(fd);
	return right && n > 0 && n < mix->n;
}

static int by_duration(const void *a, const void *b)
{
	const struct mlock2mon_record *x = a, *y = b;

	return x->dur_ns < y->dur_ns ? -1 : x->dur_ns > y->dur_ns;
}

static u64 median_duration(const struct mixture *mix)
{
	struct mixture sorted = *mix;

	qsort(sorted.rec, sorted.n, sizeof(struct mlock2mon_record), by_duration);
	return sorted.rec[sorted.n / 2].dur_ns;
}

#define CALLS(...)	.calls = __VA_ARGS__
#define FIELDS(...)	.fields = __VA_ARGS__

static void test_fields(const struct mixture *mix)
{
	const struct {
		const char	*what;
		struct mlock2mon_filter		f;
	} table[] = {
		{ "calls", { FIELDS(MLOCK2MON_FILTER_CALLS), CALLS(BIT(MLOCK2MON_MLOCK2)) } },
		{ "two calls", { FIELDS(MLOCK2MON_FILTER_CALLS),
		  CALLS(BIT(MLOCK2MON_MUNLOCK) | BIT(MLOCK2MON_MUNLOCKALL)) } },
		{ "tgid", { FIELDS(MLOCK2MON_FILTER_TGID), .tgid = child_pid } },
		{ "uid", { FIELDS(MLOCK2MON_FILTER_UID), .uid = NOBODY } },
		{ "uid 0", { FIELDS(MLOCK2MON_FILTER_UID) } },
		{ "cgroup", { FIELDS(MLOCK2MON_FILTER_CGROUP), .cgroup = child_cgroup } },
		{ "failures", { FIELDS(MLOCK2MON_FILTER_FAILURES) } },
		{ "min_bytes", { FIELDS(MLOCK2MON_FILTER_MIN_BYTES), .min_bytes = 5 * PAGE } },
		{ "min_dur", { FIELDS(MLOCK2MON_FILTER_MIN_DUR),
		  .min_dur_ns = median_duration(mix) } },
		{ "near", { FIELDS(MLOCK2MON_FILTER_NEAR), .near_bytes = LIMIT } },
		{ "near, less", { FIELDS(MLOCK2MON_FILTER_NEAR), .near_bytes = 3 * PAGE } },
		{ "calls and failures", { FIELDS(MLOCK2MON_FILTER_CALLS |
		  MLOCK2MON_FILTER_FAILURES), CALLS(BIT(MLOCK2MON_MLOCK2)) } },
		{ "tgid and failures", { FIELDS(MLOCK2MON_FILTER_TGID |
		  MLOCK2MON_FILTER_FAILURES), .tgid = getpid() } },
		{ "cgroup, uid, calls and min_bytes", { FIELDS(MLOCK2MON_FILTER_CGROUP |
		  MLOCK2MON_FILTER_UID | MLOCK2MON_FILTER_CALLS | MLOCK2MON_FILTER_MIN_BYTES),
		  CALLS(BIT(MLOCK2MON_MLOCK)), .uid = NOBODY, .cgroup = child_cgroup,
		  .min_bytes = 12 * PAGE } },
		{ "near and all the others but failures", {
		  FIELDS(MLOCK2MON_FILTER_ALL & ~MLOCK2MON_FILTER_FAILURES),
		  CALLS(BIT(MLOCK2MON_MLOCK)), .tgid = child_pid, .uid = NOBODY,
		  .cgroup = child_cgroup, .min_bytes = 2 * PAGE, .min_dur_ns = 1,
		  .near_bytes = LIMIT } },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		promise(filters(mix, &table[i].f, table[i].what),
			"filter: %s: what passes is given, the rest is skipped", table[i].what);
}

static void read_mixture(struct mixture *mix)
{
	int fd = open_at_end(O_NONBLOCK);
	struct stat st;

	need(!stat(cgroup_dir, &st), "look at the cgroup");
	child_cgroup = st.st_ino;
	mix->start = info_of(fd).position;
	make_mixture();
	mix->n = get_records(fd, mix->rec, RING);
	need(mix->n >= 14, "find the records of the mixture");
	close(fd);
}

static void test_nothing(const struct mixture *mix)
{
	struct mlock2mon_filter none = { .fields = MLOCK2MON_FILTER_TGID, .tgid = -1U };
	int fd = open_at_end(O_NONBLOCK);
	struct mlock2mon_record rec[RING];

	seek(fd, mix->start, SEEK_SET);
	set_filter(fd, none);
	promise(!get_records(fd, rec, RING) && equal(info_of(fd).skipped, mix->n),
		"filter: nothing passes: EAGAIN, all are skipped");
	seek(fd, mix->start, SEEK_SET);
	set_filter(fd, (struct mlock2mon_filter){ 0 });
	promise(same_records(rec, get_records(fd, rec, RING), mix->rec, mix->n),
		"filter: an empty one takes it away");
	close(fd);
}

static void test_two(const struct mixture *mix)
{
	struct mlock2mon_filter failed = { .fields = MLOCK2MON_FILTER_FAILURES };
	struct mlock2mon_filter mine = { .fields = MLOCK2MON_FILTER_TGID, .tgid = getpid() };
	int a = open_at_end(O_NONBLOCK), b = open_at_end(O_NONBLOCK);
	bool right = true;
	struct mlock2mon_record x, y;
	int i, j;

	seek(a, mix->start, SEEK_SET);
	seek(b, mix->start, SEEK_SET);
	set_filter(a, failed);
	set_filter(b, mine);
	for (i = j = 0; i < mix->n; i++, j++) {
		while (i < mix->n && mix->rec[i].ret >= 0)
			i++;
		while (j < mix->n && mix->rec[j].pid != (__u32)getpid())
			j++;
		if (i < mix->n)
			right = right && get_records(a, &x, 1) == 1 &&
				!memcmp(&x, &mix->rec[i], sizeof(x));
		if (j < mix->n)
			right = right && get_records(b, &y, 1) == 1 &&
				!memcmp(&y, &mix->rec[j], sizeof(y));
	}
	promise(right, "filter: two files, read in turns, each with its own");
	close(a);
	close(b);
}

/* ---- refusals --------------------------------------------------------------------------- */

static bool refused(int fd, struct mlock2mon_filter bad,
		    const struct mlock2mon_filter *before, const char *what)
{
	struct mlock2mon_filter now;
	bool kept;

	kept = fails(ioctl(fd, MLOCK2MON_IOC_FILTER, &bad), EINVAL);
	need(!ioctl(fd, MLOCK2MON_IOC_GET_FILTER, &now), "ask for the filter");
	kept = kept && !memcmp(&now, before, sizeof(now));
	if (!kept)
		note("%s", what);
	return kept;
}

#define REFUSED(...)	\
	refused(fd, (struct mlock2mon_filter){ __VA_ARGS__ }, &good, #__VA_ARGS__)

static void test_invalid(void)
{
	struct mlock2mon_filter good = {
		.fields = MLOCK2MON_FILTER_UID | MLOCK2MON_FILTER_NEAR, .uid = 7, .near_bytes = 1,
	};
	int fd = open_at_end(O_NONBLOCK);
	bool kept = true;
	int bit;

	set_filter(fd, good);
	for (bit = 0; bit < 32; bit++)
		if (!(BIT(bit) & MLOCK2MON_FILTER_ALL))
			kept = kept && REFUSED(.fields = BIT(bit));
	promise(kept, "invalid: each unknown field is EINVAL, the old filter stays");

	promise(REFUSED(.calls = 1) && REFUSED(.tgid = 1) && REFUSED(.uid = 1) &&
		REFUSED(.cgroup = 1) && REFUSED(.min_bytes = 1) && REFUSED(.min_dur_ns = 1) &&
		REFUSED(.near_bytes = 1),
		"invalid: each member that does not count and is not 0 is EINVAL");
	promise(REFUSED(.reserved = { 1, 0 }) && REFUSED(.reserved = { 0, 1ULL << 63 }),
		"invalid: reserved members are EINVAL");
	promise(REFUSED(FIELDS(MLOCK2MON_FILTER_CALLS)) &&
		REFUSED(FIELDS(MLOCK2MON_FILTER_CALLS), CALLS(BIT(MLOCK2MON_NR_CALLS))) &&
		REFUSED(FIELDS(MLOCK2MON_FILTER_CALLS), CALLS(1 | BIT(31))),
		"invalid: a set of calls that is empty or has an unknown one is EINVAL");
	promise(REFUSED(FIELDS(MLOCK2MON_FILTER_NEAR)), "invalid: near_bytes 0 is EINVAL");
	close(fd);
}

static void test_arguments(void)
{
	int fd = open_at_end(O_NONBLOCK);
	void *bad = memory + 64 * PAGE;
	__u32 numbers[] = { MLOCK2MON_NR_FORMATS, 77, -1U };
	__u32 too_many = RING / 2 + 1, half = RING / 2;
	bool kept = true;
	size_t i;

	need(!mprotect(bad, PAGE, PROT_NONE), "mprotect");
	for (i = 0; i < 3; i++)
		kept = kept && fails(ioctl(fd, MLOCK2MON_IOC_FORMAT, &numbers[i]), EINVAL);
	promise(kept && equal(info_of(fd).format, MLOCK2MON_FORMAT_BINARY),
		"format: an unknown one is EINVAL, the old one stays");
	kept = fails(ioctl(fd, MLOCK2MON_IOC_WATERMARK, &too_many), EINVAL) &&
	       fails(ioctl(fd, MLOCK2MON_IOC_WATERMARK, &numbers[2]), EINVAL);
	promise(kept && equal(info_of(fd).watermark, 1),
		"watermark: more than half the ring is EINVAL, the old one stays");
	promise(!ioctl(fd, MLOCK2MON_IOC_WATERMARK, &half) &&
		equal(info_of(fd).watermark, half), "watermark: half the ring is the most");
	promise(fails(ioctl(fd, MLOCK2MON_IOC_INFO, bad), EFAULT) &&
		fails(ioctl(fd, MLOCK2MON_IOC_FORMAT, bad), EFAULT) &&
		fails(ioctl(fd, MLOCK2MON_IOC_FILTER, bad), EFAULT) &&
		fails(ioctl(fd, MLOCK2MON_IOC_GET_FILTER, bad), EFAULT) &&
		fails(ioctl(fd, MLOCK2MON_IOC_WATERMARK, bad), EFAULT) &&
		fails(ioctl(fd, MLOCK2MON_IOC_FILTER, NULL), EFAULT),
		"ioctl: an address that is none is EFAULT");
	promise(fails(ioctl(fd, _IO(MLOCK2MON_IOC, 0), &half), ENOTTY) &&
		fails(ioctl(fd, _IOW(MLOCK2MON_IOC, 1, __u64), memory), ENOTTY) &&
		fails(ioctl(fd, _IOR(MLOCK2MON_IOC, 5, __u32), memory), ENOTTY) &&
		fails(ioctl(fd, -1, memory), ENOTTY),
		"ioctl: another number, or another size, is ENOTTY");
	close(fd);
}

/* ---- info ------------------------------------------------------------------------------- */

/* The number in a file behind @key; 0 without it. */
static u64 number_in(const char *path, const char *key, int base)
{
	char line[256];
	u64 value = 0;
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = line[strlen(key)] == 'Y' ? 1 :
				strtoull(line + strlen(key), NULL, base);
	if (file)
		fclose(file);
	return value;
}

static u64 parameter(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/mlock2mon/parameters/%s", name);
	return number_in(path, "", 10);
}

static void test_info(void)
{
	u64 written = number_in(MLOCK2MON_PROC "/stats", "ring.written ", 10);
	u64 load_id = number_in(MLOCK2MON_PROC "/stats", "load_id ", 16);
	int fd = open_device(O_NONBLOCK);
	struct mlock2mon_info info = info_of(fd);
	u64 features = parameter("related") * MLOCK2MON_FEATURE_RELATED |
		       parameter("collapse") * MLOCK2MON_FEATURE_COLLAPSE;
	u64 oldest = written > RING ? written - RING + 1 : 1;

	promise(equal(info.abi, MLOCK2MON_ABI) && equal(info.record_size, RECORD_SIZE) &&
		equal(info.records, RING) && equal(info.map_size, PAGE + RING * RECORD_SIZE),
		"info: the version, and what is how large");
	promise(load_id && equal(info.load_id, load_id), "info: load_id is that of stats");
	promise(equal(info.next, written + 1) && equal(info.oldest, oldest) &&
		equal(info.position, oldest), "info: oldest, next, position of a new file");
	promise(equal(info.format, MLOCK2MON_FORMAT_TEXT) && equal(info.watermark, 1) &&
		equal(info.lost, 0) && equal(info.skipped, 0), "info: what a new file has");
	promise(equal(info.near_kb, parameter("near_kb")) && equal(info.features, features),
		"info: the parameters of the module");
	seek(fd, 0, SEEK_END);
	lock_once();
	info = info_of(fd);
	promise(equal(info.position, written + 1) && equal(info.next, written + 2),
		"info: position and next move");
	close(fd);
}

/* ---- binary ----------------------------------------------------------------------------- */

static void test_binary(void)
{
	int fd = open_at_end(O_NONBLOCK);
	u64 at = info_of(fd).position;
	struct mlock2mon_record rec[4];
	bool kept;

	promise(fails(read(fd, rec, sizeof(*rec) - 1), EINVAL) &&
		fails(read(fd, rec, sizeof(*rec)), EAGAIN),
		"binary: nothing there is EAGAIN, a buffer that can hold none EINVAL");
	locks(4);
	kept = fails(read(fd, rec, sizeof(*rec) - 1), EINVAL) && fails(read(fd, rec, 1), EINVAL);
	promise(kept && equal(info_of(fd).position, at),
		"binary: smaller than a record is EINVAL and consumes nothing");
	promise(equal(read(fd, rec, 3 * sizeof(*rec) - 1), 2 * sizeof(*rec)) &&
		equal(rec[0].seq, at) && equal(rec[1].seq, at + 1),
		"binary: as many whole records as fit");
	promise(equal(read(fd, rec, sizeof(rec)), 2 * sizeof(*rec)) &&
		equal(rec[1].seq, at + 3) && equal(rec[1].call, MLOCK2MON_MLOCK2) &&
		equal(rec[1].len, PAGE) && equal(rec[1].pid, getpid()) &&
		equal(!!(rec[1].attr & MLOCK2MON_ATTR_COMPAT), sizeof(long) == 4),
		"binary: the record says what was called");
	close(fd);
}

static void test_mixed(void)
{
	int fd = open_at_end(O_NONBLOCK);
	u64 at = info_of(fd).position;
	char text[600];
	struct mlock2mon_record rec;
	u64 seq;
	int i;
	bool right = true;

	locks(6);
	for (i = 0; i < 6 && right; i++) {
		set_format(fd, i & 1 ? MLOCK2MON_FORMAT_TEXT : MLOCK2MON_FORMAT_BINARY);
		if (i & 1) {
			memset(text, 0, sizeof(text));
			right = read(fd, text, 400) > 0 && sscanf(text, "seq=%llu ", &seq) == 1 &&
				equal(seq, at + i);
		} else {
			right = equal(read(fd, &rec, sizeof(rec)), sizeof(rec)) &&
				equal(rec.seq, at + i);
		}
	}
	promise(right, "text and binary in turns on one file: each record once");
	close(fd);
}

static const struct mlock2mon_filter only_unlock = {
	.fields = MLOCK2MON_FILTER_CALLS, .calls = BIT(MLOCK2MON_MUNLOCK),
};

/* ---- loss ------------------------------------------------------------------------------- */

static void test_loss(void)
{
	int fd = open_at_end(O_NONBLOCK), plain = open_at_end(O_NONBLOCK);
	u64 at = info_of(fd).position;
	struct mlock2mon_record rec[RING + 2];
	struct mlock2mon_record loss = { .seq = at, .len = 10, .call = MLOCK2MON_LOST };
	struct mlock2mon_info info;
	char text[100];

	set_filter(fd, only_unlock);
	locks(10 + RING - 3);
	unlocks(3);
	promise(polls(fd, LOSSY), "loss: under a filter poll says PRI");
	promise(get_records(plain, rec, RING + 2) == RING + 1 &&
		!memcmp(&rec[0], &loss, sizeof(loss)),
		"loss: binary, a record that says from where and how many");
	loss.attr = MLOCK2MON_ATTR_UNFILTERED;
	promise(get_records(fd, rec, 1) == 1 && !memcmp(&rec[0], &loss, sizeof(loss)),
		"loss: under a filter it says that it is unfiltered");
	promise(polls(fd, READABLE) && get_records(fd, rec, RING) == 3 &&
		equal(rec[0].seq, at + 10 + RING - 3), "loss: then what passes");
	info = info_of(fd);
	promise(equal(info.lost, 10) && equal(info.skipped, RING - 3) &&
		equal(info.position - at, info.lost + info.skipped + 3),
		"loss: delivered + skipped + lost = covered");
	promise(equal(info_of(plain).lost, 10), "loss: each file counts its own");
	seek(fd, at, SEEK_SET);
	set_format(fd, MLOCK2MON_FORMAT_TEXT);
	memset(text, 0, sizeof(text));
	need(read(fd, text, sizeof(text) - 1) > 0, "read a loss");
	snprintf((char *)rec, sizeof(rec), "lost=10 seq=%llu..%llu unfiltered=1\n", at, at + 9);
	if (!promise(!strcmp(text, (char *)rec), "loss: the same as text"))
		note("%s", text);
	close(fd);
	close(plain);
}

/* ---- those who wait --------------------------------------------------------------------- */

struct sleeper {
	pthread_t	thread;
	int		fd;
	int		n;
	struct mlock2mon_record		rec[RING];
	volatile bool	woken;
	u64		woken_ns;
};

static void *sleep_in_read(void *arg)
{
	struct sleeper *s = arg;

	s->n = get_records(s->fd, s->rec, RING);
	s->woken_ns = now_ns();
	s->woken = true;
	return NULL;
}

static void start(struct sleeper *s, const struct mlock2mon_filter *f, __u32 watermark)
{
	memset(s, 0, sizeof(*s));
	s->fd = open_at_end(0);
	set_watermark(s->fd, watermark);
	if (f)
		set_filter(s->fd, *f);
	errno = pthread_create(&s->thread, NULL, sleep_in_read, s);
	need(!errno, "start a thread");
	sleep_ms(50);
}

static bool sleeps(const struct sleeper *s)
{
	sleep_ms(60);
	return !s->woken;
}

static bool woken(const struct sleeper *s)
{
	int i;

	for (i = 0; i < 300 && !s->woken; i++)
		sleep_ms(10);
	return s->woken;
}

static void end(struct sleeper *s)
{
	if (!s->woken) {
		set_watermark(s->fd, 1);
		set_filter(s->fd, (struct mlock2mon_filter){ 0 });
		lock_once();
	}
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static void test_poll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLPRI | EPOLLET };
	int fd = open_at_end(O_NONBLOCK), ep = epoll_create1(0);
	u64 at = info_of(fd).position;
	struct mlock2mon_record rec[RING];

	set_filter(fd, only_unlock);
	locks(5);
	promise(polls(fd, 0) && equal(info_of(fd).skipped, 5) &&
		equal(info_of(fd).position, at + 5),
		"poll: silent about what does not pass, and past it");
	unlock_once();
	promise(polls(fd, READABLE) && polls(fd, READABLE),
		"poll: IN when something passes, as long as it is there");
	locks(3);
	promise(polls(fd, READABLE) && equal(get_records(fd, rec, RING), 1) &&
		equal(rec[0].seq, at + 5) && polls(fd, 0), "poll: silent once it is read");
	need(ep != -1 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), "use epoll");
	locks(3);
	promise(equal(epoll_wait(ep, &event, 1, 60), 0), "epoll: silent about what does not pass");
	unlock_once();
	promise(equal(epoll_wait(ep, &event, 1, 3000), 1) && equal(event.events, EPOLLIN),
		"epoll: IN when something passes");
	close(ep);
	close(fd);
}

static void test_blocked(void)
{
	struct sleeper s;

	start(&s, &only_unlock, 1);
	locks(2);
	promise(sleeps(&s), "blocked: a filtered read sleeps on after records that do not pass");
	unlock_once();
	promise(woken(&s) && equal(s.n, 1) && equal(s.rec[0].call, MLOCK2MON_MUNLOCK),
		"blocked: and is woken by one that does");
	end(&s);

	start(&s, &only_unlock, 1);
	seek(s.fd, 0, SEEK_SET);
	promise(woken(&s) && s.n > 0, "blocked: lseek to records wakes who sleeps on the file");
	end(&s);
}

static void test_watermark(void)
{
	int fd = open_at_end(O_NONBLOCK);
	struct sleeper s;
	struct mlock2mon_record rec[RING];

	set_watermark(fd, 4);
	start(&s, NULL, 4);
	locks(3);
	promise(polls(fd, 0) && sleeps(&s), "watermark 4: three records wake nobody");
	lock_once();
	promise(polls(fd, READABLE), "watermark 4: the fourth makes poll say IN");
	promise(woken(&s) && equal(s.n, 4), "watermark 4: and wakes a read, which gives the four");
	end(&s);
	promise(equal(get_records(fd, rec, RING), 4) && polls(fd, 0), "watermark 4: then silence");
	lock_once();
	promise(polls(fd, 0) && equal(get_records(fd, rec, RING), 1),
		"watermark 4: a read that does not block gives what is there");

	start(&s, NULL, 4);
	locks(2);
	promise(sleeps(&s), "watermark: two of four, a read sleeps");
	set_watermark(s.fd, 1);
	promise(woken(&s) && equal(s.n, 2), "watermark: made smaller, it wakes the read");
	end(&s);

	start(&s, NULL, RING / 2);
	locks(RING / 2 - 1);
	promise(sleeps(&s), "watermark: half the ring less one, a read sleeps");
	lock_once();
	promise(woken(&s) && equal(s.n, RING / 2), "watermark: half the ring wakes it");
	end(&s);
	close(fd);
}

static void test_watermark_filter(void)
{
	int fd = open_at_end(O_NONBLOCK);
	struct mlock2mon_record rec[RING];
	struct sleeper s;
	bool silent;

	set_watermark(fd, 4);
	set_filter(fd, only_unlock);
	start(&s, &only_unlock, 4);
	locks(3);
	unlock_once();
	promise(polls(fd, READABLE) && polls(fd, READABLE),
		"watermark 4, filter: four records, one passes: IN");
	promise(woken(&s) && equal(s.n, 1), "watermark 4, filter: the same for a blocked read");
	end(&s);
	need(get_records(fd, rec, RING) == 1, "read it");

	start(&s, &only_unlock, 4);
	locks(4);
	silent = polls(fd, 0) && sleeps(&s);
	locks(3);
	promise(silent && polls(fd, 0) && sleeps(&s),
		"watermark 4, filter: nothing passes: silence");
	unlock_once();
	promise(polls(fd, READABLE) && woken(&s) && equal(s.n, 1),
		"watermark 4, filter: woken when something passes among the next four");
	end(&s);
	/* What poll promised, a read that may wait must give. */
	fcntl(fd, F_SETFL, 0);
	alarm(10);
	promise(equal(get_records(fd, rec, RING), 1),
		"watermark 4, filter: a read that may block gives what poll told of");
	alarm(0);
	close(fd);
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The median of the time from a call to the end of a read that waits for it. */
static u64 latency(__u32 watermark)
{
	u64 took[ROUNDS], called;
	struct sleeper s;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start(&s, NULL, watermark);
		/* Not always at the same distance from a tick. */
		usleep(i * 97);
		called = now_ns();
		lock_once();
		/* The other processor shall not be needed. */
		pthread_join(s.thread, NULL);
		took[i] = s.woken_ns - called;
		close(s.fd);
	}
	qsort(took, ROUNDS, sizeof(*took), by_value);
	return took[ROUNDS / 2];
}

static void test_at_once(void)
{
	u64 tick, once, again;
	int tries = 0;

	/* On a busy machine either may be late by chance. */
	do {
		tick = latency(1);
		once = latency(0);
		again = latency(1);
		note("median until woken: watermark 1 %llu us, 0 %llu us, 1 again %llu us",
		     tick / 1000, once / 1000, again / 1000);
	} while ((once >= tick / 2 || once >= again / 2) && ++tries < 4);
	promise(once < tick / 2, "watermark 0: woken in less than half the time");
	promise(once < again / 2, "watermark 0: closed, the others wait for the tick again");
}

int main(int argc, char **argv)
{
	static struct mixture mix;

	if (argc != 2)
		return 2;
	cgroup_dir = argv[1];
	memory = mmap(NULL, 80 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	need(memory != MAP_FAILED, "map memory");
	test_info();
	read_mixture(&mix);
	test_fields(&mix);
	test_nothing(&mix);
	test_two(&mix);
	test_invalid();
	test_arguments();
	test_binary();
	test_mixed();
	test_loss();
	test_poll();
	test_blocked();
	test_watermark();
	test_watermark_filter();
	test_at_once();
	return 0;
}
