// SPDX-License-Identifier: GPL-2.0
/*
 * device: /dev/mlock2mon, rule by rule, as one user of it sees it.
 *
 * To be run right after the module was loaded with ring_records=64, when
 * nobody else calls: every sequence number is then known in advance.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "opened.h"
#include "promise.h"

#define PAGE		4096UL
#define RING		64
#define NOBODY		65534
#define BIG		65536
#define READABLE	(POLLIN | POLLRDNORM)
#define LOSSY		(READABLE | POLLPRI)
#define MAX_WAKE_NS	500000000UL

static void *page;
static unsigned long next = 1;		/* sequence number of the next record */

static void call(unsigned int n)
{
	while (n--) {
		need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
		next++;
	}
}

static bool below(unsigned long got, unsigned long limit)
{
	if (got >= limit)
		note("%lu, not below %lu", got, limit);
	return got < limit;
}

static unsigned long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts))
		;
}

static unsigned long position(int fd)
{
	return lseek(fd, 0, SEEK_CUR);
}

/* Lines of the records @first to @last, no more and no less, without a loss. */
static bool holds(const char *text, ssize_t len, unsigned long first, unsigned long last)
{
	const char *p = text;
	const char *end = text + (len > 0 ? len : 0);
	char start[32];
	unsigned long seq;

	for (seq = first; seq <= last; seq++) {
		snprintf(start, sizeof(start), "seq=%lu ts=", seq);
		if (strncmp(p, start, strlen(start)))
			break;
		p = memchr(p, '\n', end - p);
		if (!p)
			break;
		p++;
	}
	if (seq == last + 1 && p == end)
		return true;
	note("expected %lu..%lu, wrong at %lu, in %zd bytes", first, last, seq, len);
	return false;
}

static ssize_t read_text(int fd, char *buf, size_t size)
{
	ssize_t ret = read(fd, buf, size - 1);

	buf[ret > 0 ? ret : 0] = '\0';
	return ret;
}

static bool reads(int fd, unsigned long first, unsigned long last)
{
	static char buf[BIG];

	return holds(buf, read_text(fd, buf, sizeof(buf)), first, last);
}

static bool polls(int fd, short want)
{
	struct pollfd pfd = { .fd = fd, .events = SHRT_MAX };

	need(poll(&pfd, 1, 0) != -1, "poll");
	if (pfd.revents != want)
		note("poll gives %#x, not %#x", pfd.revents, want);
	return pfd.revents == want;
}

static void test_empty(void)
{
	int fd = open_device(O_NONBLOCK);
	char buf[16];

	promise(fails(read(fd, buf, sizeof(buf)), EAGAIN), "empty: O_NONBLOCK reads EAGAIN");
	promise(equal(read(fd, buf, 0), 0), "empty: a read of nothing is 0");
	promise(polls(fd, 0), "empty: poll is silent");
	promise(equal(lseek(fd, 0, SEEK_END), 1), "empty: SEEK_END is 1");
	promise(equal(lseek(fd, 0, SEEK_SET), 1), "empty: SEEK_SET 0 is 1");
	promise(equal(lseek(fd, 1, SEEK_SET), 1), "empty: SEEK_SET 1 is 1");
	promise(fails(lseek(fd, 2, SEEK_SET), EINVAL), "empty: SEEK_SET 2 is EINVAL");
	promise(equal(lseek(fd, 0, SEEK_DATA), 1), "empty: SEEK_DATA is 1");
	promise(equal(position(fd), 1), "empty: the position is 1");
	call(1);
	promise(polls(fd, READABLE), "first record: poll says IN and RDNORM, nothing else");
	promise(reads(fd, 1, 1), "first record: its seq is 1");
	promise(fails(read(fd, buf, sizeof(buf)), EAGAIN), "first record: read once, then EAGAIN");
	close(fd);
}

/* Bytes of whole lines that fit in @size. */
static size_t fitting(const char *text, size_t size)
{
	size_t fit = 0;
	const char *end;

	while ((end = strchr(text + fit, '\n')) && (size_t)(end + 1 - text) <= size)
		fit = end + 1 - text;
	return fit;
}

static bool read_fits(int fd, const char *text, size_t size)
{
	static char buf[BIG];
	size_t fit = fitting(text, size);
	unsigned long at = position(fd);
	ssize_t ret;

	memset(buf, '#', size + 1);
	ret = read(fd, buf, size);
	if (buf[size] != '#') {
		note("size %zu: wrote past the buffer", size);
		return false;
	}
	if (!fit)
		return fails(ret, EINVAL) && equal(position(fd), at);
	if (ret == (ssize_t)fit && !memcmp(buf, text, fit))
		return true;
	note("size %zu: %zd bytes, not %zu", size, ret, fit);
	return false;
}

static void test_sizes(void)
{
	static char text[BIG];
	int fd = open_device(O_NONBLOCK);
	unsigned long first = next;
	bool all = true;
	size_t size;

	call(24);
	need(lseek(fd, first, SEEK_SET) != -1, "seek");
	need(read_text(fd, text, sizeof(text)) > 4096, "read 24 lines of more than a page");
	for (size = 1; size <= 4096 && all; size++) {
		need(lseek(fd, first, SEEK_SET) != -1, "seek");
		all = read_fits(fd, text, size);
	}
	promise(all, "sizes: 1 to 4096 bytes read as many whole lines as fit, or EINVAL");

	need(lseek(fd, first, SEEK_SET) != -1, "seek");
	size = fitting(text, strcspn(text, "\n") + 1);
	all = fails(read(fd, text, 1), EINVAL) && fails(read(fd, text, size - 1), EINVAL);
	promise(all, "sizes: too small by one byte is EINVAL");
	promise(read_fits(fd, text, size), "sizes: the exact size then reads the same record");
	promise(equal(read(fd, text, 0), 0) && equal(position(fd), first + 1),
		"sizes: a read of nothing is 0 and consumes nothing");
	promise(reads(fd, first + 1, next - 1), "sizes: one large read takes all that is left");
	close(fd);
}

static void test_fault(void)
{
	char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	int fd = open_device(O_NONBLOCK);
	unsigned long at = next;
	ssize_t ret;
	char *buf;

	need(map != MAP_FAILED && !mprotect(map + PAGE, PAGE, PROT_NONE), "map memory");
	call(4);
	need(lseek(fd, at, SEEK_SET) != -1, "seek");
	promise(fails(read(fd, map + PAGE, PAGE), EFAULT) && equal(position(fd), at),
		"bad buffer: EFAULT consumes nothing");
	promise(fails(read(fd, (void *)-4096L, PAGE), EFAULT) && equal(position(fd), at),
		"kernel address for a buffer: EFAULT consumes nothing");
	buf = map + PAGE - 10;
	promise(fails(read(fd, buf, PAGE), EFAULT) && equal(position(fd), at),
		"buffer that ends within a line: EFAULT consumes nothing");
	buf = map + PAGE - 400;
	ret = read(fd, buf, PAGE);
	if (ret == -1)
		promise(errno == EFAULT && equal(position(fd), at),
			"buffer that ends within the second line: nothing lost");
	else
		promise(holds(buf, ret, at, at) && equal(position(fd), at + 1),
			"buffer that ends within the second line: nothing lost");
	promise(reads(fd, position(fd), next - 1), "bad buffers: the records are still there");
	munmap(map, 2 * PAGE);
	close(fd);
}

struct sleeper {
	pthread_t	thread;
	int		fd;
	char		text[1024];
	ssize_t		ret;
	unsigned long	woken;
};

static void *sleep_in_read(void *arg)
{
	struct sleeper *s = arg;

	s->ret = read_text(s->fd, s->text, sizeof(s->text));
	s->woken = now_ns();
	return NULL;
}

static void *sleep_in_poll(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };

	s->ret = poll(&pfd, 1, 5000) == 1 && pfd.revents == POLLIN;
	s->woken = now_ns();
	return NULL;
}

static void start(struct sleeper *s, void *(*sleeper)(void *))
{
	s->fd = open_device(0);
	need(lseek(s->fd, 0, SEEK_END) != -1, "seek");
	errno = pthread_create(&s->thread, NULL, sleeper, s);
	need(!errno, "start a thread");
}

static void test_blocking(void)
{
	struct sleeper s[4];
	unsigned long called;
	bool right = true;
	bool soon = true;
	int i;

	for (i = 0; i < 4; i++)
		start(&s[i], i < 3 ? sleep_in_read : sleep_in_poll);
	sleep_ms(100);
	called = now_ns();
	call(1);
	for (i = 0; i < 4; i++) {
		pthread_join(s[i].thread, NULL);
		right = right && s[i].woken >= called;
		soon = soon && below(s[i].woken - called, MAX_WAKE_NS);
		if (i < 3)
			right = right && holds(s[i].text, s[i].ret, next - 1, next - 1);
		else
			right = right && s[i].ret;
		close(s[i].fd);
	}
	promise(right, "blocked: three reads and a poll sleep until the next record");
	promise(soon, "blocked: all are woken within half a second");
}

static void on_signal(int sig)
{
	(void)sig;
}

static volatile bool may_leave;

static void *call_later(void *arg)
{
	sleep_ms(400);
	call(1);
	while (!may_leave)
		sleep_ms(1);
	return arg;
}

/* A thread that has called leaves: that is a record, too. */
static void join_caller(pthread_t thread)
{
	int fd = open_device(O_NONBLOCK);

	may_leave = true;
	pthread_join(thread, NULL);
	next++;
	while (lseek(fd, 0, SEEK_END) < (off_t)next)
		sleep_ms(1);
	close(fd);
}

static void set_alarm(int flags, unsigned int ms)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	timer_t timer;
	struct itimerspec when = { .it_value.tv_nsec = ms * 1000000L };

	sigaction(SIGALRM, &action, NULL);
	need(!timer_create(CLOCK_MONOTONIC, NULL, &timer), "create a timer");
	need(!timer_settime(timer, 0, &when, NULL), "start a timer");
}

static void test_signals(void)
{
	int fd = open_device(0);
	unsigned long coming = next;
	pthread_t thread;
	sigset_t block;
	char buf[1024];
	pid_t pid;
	int status;

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	set_alarm(0, 100);
	promise(fails(read(fd, buf, sizeof(buf)), EINTR), "signal: a blocked read ends with EINTR");

	/* Only this thread may get the signal. */
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &block, NULL);
	need(!pthread_create(&thread, NULL, call_later, NULL), "start a thread");
	pthread_sigmask(SIG_UNBLOCK, &block, NULL);
	set_alarm(SA_RESTART, 100);
	promise(holds(buf, read_text(fd, buf, sizeof(buf)), coming, coming),
		"signal: with SA_RESTART the read goes on");
	join_caller(thread);
	need(lseek(fd, 0, SEEK_END) != -1, "seek");

	pid = fork();
	if (!pid)
		_exit(read(fd, buf, sizeof(buf)) != 0);
	sleep_ms(100);
	kill(pid, SIGKILL);
	promise(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status),
		"signal: a blocked reader can be killed");
	close(fd);
}

static bool selects(int fd, bool in, bool except)
{
	struct timeval now = { 0 };
	fd_set r, e;

	FD_ZERO(&r);
	FD_ZERO(&e);
	FD_SET(fd, &r);
	FD_SET(fd, &e);
	need(select(fd + 1, &r, NULL, &e, &now) != -1, "select");
	return !!FD_ISSET(fd, &r) == in && !!FD_ISSET(fd, &e) == except;
}

static void test_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLPRI | EPOLLET };
	int ep = epoll_create1(0);
	bool kept;

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	need(ep != -1 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), "use epoll");
	promise(equal(epoll_wait(ep, &event, 1, 50), 0), "epoll: silent before a record");
	call(1);
	kept = epoll_wait(ep, &event, 1, 2000) == 1 && event.events == EPOLLIN;
	promise(kept, "epoll: IN after a record");
	promise(equal(epoll_wait(ep, &event, 1, 50), 0), "epoll: an edge is told once");
	call(1);
	kept = epoll_wait(ep, &event, 1, 2000) == 1 && event.events == EPOLLIN;
	promise(kept, "epoll: every edge is told, read or not");
	call(RING + 5);
	kept = epoll_wait(ep, &event, 1, 2000) == 1 && event.events == (EPOLLIN | EPOLLPRI);
	promise(kept, "epoll: PRI when the reader was overtaken");
	close(ep);
}

static void test_poll(void)
{
	int fd = open_device(O_NONBLOCK);

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	promise(polls(fd, 0) && selects(fd, false, false), "poll: silent past the newest record");
	call(1);
	promise(polls(fd, READABLE) && selects(fd, true, false), "poll: IN after a record");
	promise(reads(fd, next - 1, next - 1) && polls(fd, 0), "poll: silent once it is read");
	test_epoll(fd);
	promise(polls(fd, LOSSY) && selects(fd, true, true), "poll: PRI while a loss is pending");
	close(fd);
}

static void test_loss(void)
{
	int fd = open_device(O_NONBLOCK);
	unsigned long from, oldest;
	static char text[BIG];
	char want[80];
	ssize_t len;

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	from = next;
	call(RING);
	promise(polls(fd, READABLE) && reads(fd, from, next - 1), "a full ring loses nothing");

	from = next;
	call(RING + 37);
	oldest = next - RING;
	snprintf(want, sizeof(want), "lost=37 seq=%lu..%lu\n", from, oldest - 1);
	promise(fails(read(fd, text, strlen(want) - 1), EINVAL) && polls(fd, LOSSY),
		"loss: too small for its line is EINVAL and consumes nothing");
	len = read_text(fd, text, strlen(want) + 1);
	promise(len == (ssize_t)strlen(want) && !strcmp(text, want),
		"loss: is a line that says how many and which");
	promise(polls(fd, READABLE), "loss: no PRI once it is told");
	promise(reads(fd, oldest, next - 1), "loss: the oldest record kept comes next");

	need(lseek(fd, from, SEEK_SET) == (off_t)from, "seek");
	len = read_text(fd, text, sizeof(text));
	promise(!strncmp(text, want, strlen(want)) &&
		holds(text + strlen(want), len - strlen(want), oldest, next - 1),
		"loss: in its place, before the records, in the same read");
	close(fd);

	fd = open_device(O_NONBLOCK);
	promise(polls(fd, READABLE) && reads(fd, oldest, next - 1),
		"a new reader starts at the oldest record kept, without a loss");
	close(fd);
}

struct seek {
	const char	*what;
	int		whence;
	long		offset;
	long		want;		/* new position, or -1 for EINVAL */
};

/* What is read at @at: nothing, a loss, or the record. */
static bool reads_from(int fd, unsigned long at, unsigned long oldest)
{
	static char text[BIG];
	char want[80];
	ssize_t len = read_text(fd, text, sizeof(text));

	if (at == next)
		return fails(len, EAGAIN);
	if (at >= oldest)
		return holds(text, len, at, next - 1);
	snprintf(want, sizeof(want), "lost=%lu seq=%lu..%lu\n", oldest - at, at, oldest - 1);
	return !strncmp(text, want, strlen(want)) &&
	       holds(text + strlen(want), len - strlen(want), oldest, next - 1);
}

static void check_seek(int fd, const struct seek *s, unsigned long oldest)
{
	long before = next - 2;
	long ret;
	bool kept;

	need(lseek(fd, before, SEEK_SET) == before, "seek");
	ret = lseek(fd, s->offset, s->whence);
	if (s->want == -1)
		kept = fails(ret, EINVAL) && equal(position(fd), before);
	else
		kept = equal(ret, s->want) && equal(position(fd), s->want) &&
		       reads_from(fd, s->want, oldest);
	promise(kept, "seek: %s", s->what);
}

static void check_seeks(int fd, long opened)
{
	const struct seek table[] = {
		{ "SET 0 is the oldest record kept", SEEK_SET, 0, next - RING },
		{ "SET to the oldest", SEEK_SET, next - RING, next - RING },
		{ "SET to the newest", SEEK_SET, next - 1, next - 1 },
		{ "SET in between resumes there", SEEK_SET, next - 20, next - 20 },
		{ "SET to the next record to come", SEEK_SET, next, next },
		{ "SET past that is EINVAL", SEEK_SET, next + 1, -1 },
		{ "SET to one just gone reports one lost", SEEK_SET, next - RING - 1,
		  next - RING - 1 },
		{ "SET 1 reports all lost since the load", SEEK_SET, 1, 1 },
		{ "SET -1 is EINVAL", SEEK_SET, -1, -1 },
		{ "SET to the largest offset is EINVAL", SEEK_SET, LONG_MAX, -1 },
		{ "SET to the smallest offset is EINVAL", SEEK_SET, LONG_MIN, -1 },
		{ "CUR 0 is the position", SEEK_CUR, 0, next - 2 },
		{ "CUR 1 is EINVAL", SEEK_CUR, 1, -1 },
		{ "CUR -1 is EINVAL", SEEK_CUR, -1, -1 },
		{ "END 0 is past the newest", SEEK_END, 0, next },
		{ "END 1 is EINVAL", SEEK_END, 1, -1 },
		{ "END -1 is EINVAL", SEEK_END, -1, -1 },
		{ "DATA 0 is the first record after open", SEEK_DATA, 0, opened },
		{ "DATA 1 is EINVAL", SEEK_DATA, 1, -1 },
		{ "DATA -1 is EINVAL", SEEK_DATA, -1, -1 },
		{ "HOLE is EINVAL", SEEK_HOLE, 0, -1 },
		{ "whence 5 is EINVAL", 5, 0, -1 },
		{ "whence -1 is EINVAL", -1, 0, -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_seek(fd, &table[i], next - RING);
}

static void test_seeks(void)
{
	int fd = open_device(O_NONBLOCK);
	long opened = next;

	call(10);
	check_seeks(fd, opened);
	call(RING);
	promise(equal(lseek(fd, 0, SEEK_DATA), opened) &&
		reads_from(fd, opened, next - RING),
		"seek: DATA stays the first record after open when that is gone");
	close(fd);
}

static void test_refused(void)
{
	int fd = open_device(O_NONBLOCK);
	struct iovec iov = { .iov_base = page, .iov_len = 16 };
	char buf[1024];
	int value = 0;

	promise(fails(pread(fd, buf, sizeof(buf), 0), ESPIPE), "pread: ESPIPE");
	promise(fails(preadv(fd, &iov, 1, 1), ESPIPE), "preadv: ESPIPE");
	promise(fails(pwrite(fd, buf, 1, 0), ESPIPE), "pwrite: ESPIPE");
	promise(fails(write(fd, buf, 1), EBADF), "write: EBADF");
	promise(fails(open(MLOCK2MON_DEVICE, O_RDWR), EACCES), "open to read and write: EACCES");
	promise(fails(open(MLOCK2MON_DEVICE, O_WRONLY), EACCES), "open to write: EACCES");
	promise(fails(ioctl(fd, FIONREAD, &value), ENOTTY), "ioctl FIONREAD: ENOTTY");
	promise(fails(ioctl(fd, 0, &value), ENOTTY) && fails(ioctl(fd, -1, -1L), ENOTTY),
		"unknown ioctls: ENOTTY");
	close(fd);
}

/* Several threads on one open file: each record goes to one of them. */
struct sharer {
	pthread_t	thread;
	int		fd;
	unsigned char	got[RING];
	unsigned long	first;
};

static void *share(void *arg)
{
	struct sharer *s = arg;
	unsigned long seq;
	char buf[400];

	while (read_text(s->fd, buf, sizeof(buf)) > 0)
		if (sscanf(buf, "seq=%lu ", &seq) == 1 && seq - s->first < RING)
			s->got[seq - s->first]++;
	return NULL;
}

static void test_shared(void)
{
	int fd = open_device(O_NONBLOCK);
	struct sharer s[3] = { 0 };
	bool once = true;
	int i, n;

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	for (i = 0; i < 3; i++) {
		s[i].fd = fd;
		s[i].first = next;
	}
	call(RING);
	for (i = 0; i < 3; i++)
		need(!pthread_create(&s[i].thread, NULL, share, &s[i]), "start a thread");
	for (i = 0; i < 3; i++)
		pthread_join(s[i].thread, NULL);
	for (n = 0; n < RING; n++)
		once = once && s[0].got[n] + s[1].got[n] + s[2].got[n] == 1;
	promise(once, "three threads that share an open file get each record once");
	close(fd);
}

static void set_caps(unsigned long caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	need(!syscall(SYS_capset, &header, data), "set capabilities");
}

static void become_nobody(void)
{
	need(!prctl(PR_SET_KEEPCAPS, 1), "keep capabilities");
	need(!syscall(SYS_setgroups, 0, NULL), "leave all groups");
	need(!syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY), "change gid");
	need(!syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY), "change uid");
}

/* The errno of open() as nobody with @caps, or as root of a new user namespace. */
static int open_as(bool userns, unsigned long caps)
{
	pid_t pid = fork();
	int status;
	int fd;

	need(pid != -1, "fork");
	if (!pid) {
		if (userns) {
			need(!unshare(CLONE_NEWUSER), "make a user namespace");
		} else {
			become_nobody();
			set_caps(caps);
		}
		fd = open(MLOCK2MON_DEVICE, O_RDONLY | O_NONBLOCK);
		_exit(fd == -1 ? errno : 0);
	}
	need(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "wait for a child");
	return WEXITSTATUS(status);
}

static void test_privilege(void)
{
	unsigned long perfmon = 1UL << CAP_PERFMON;
	unsigned long admin = 1UL << CAP_SYS_ADMIN;
	unsigned long all = (2UL << CAP_CHECKPOINT_RESTORE) - 1;

	promise(equal(open_as(false, 0), EACCES), "open as nobody: EACCES by the mode");
	promise(equal(open_as(false, all & ~perfmon & ~admin), EPERM),
		"open with every other capability: EPERM");
	promise(equal(open_as(true, 0), EPERM), "open by root of a new user namespace: EPERM");
	need(!chmod(MLOCK2MON_DEVICE, 0444), "chmod " MLOCK2MON_DEVICE);
	promise(equal(open_as(false, 0), EPERM), "open as nobody, if the mode lets: EPERM");
	promise(equal(open_as(false, perfmon), 0), "open with nothing but CAP_PERFMON: works");
	promise(equal(open_as(false, admin), 0), "open with nothing but CAP_SYS_ADMIN: works");
	need(!chmod(MLOCK2MON_DEVICE, 0400), "chmod " MLOCK2MON_DEVICE);
}

static void test_pinned(void)
{
	int fd = open_device(O_NONBLOCK);

	need(lseek(fd, 0, SEEK_END) != -1, "seek");
	promise(fails(syscall(SYS_delete_module, "mlock2mon", O_NONBLOCK), EWOULDBLOCK),
		"an open file keeps the module loaded");
	call(1);
	promise(reads(fd, next - 1, next - 1) && polls(fd, 0), "and it still works");
	close(fd);
}

int main(void)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "map memory");
	test_empty();
	test_sizes();
	test_fault();
	test_blocking();
	test_signals();
	test_poll();
	test_loss();
	test_seeks();
	test_refused();
	test_shared();
	test_privilege();
	test_pinned();
	return 0;
}
