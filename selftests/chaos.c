// SPDX-License-Identifier: GPL-2.0
/*
 * chaos: several processes do anything, at random, to the device, to the files in /proc and
 * to the parameters, while tasks lock memory and die.
 *
 *	chaos [-s SEED] [-t SECONDS] [-l MODULE]
 *
 *   -s  seed: each process does the same with the same seed, if not at the same time (1)
 *   -t  how long (10)
 *   -l  one more process loads and unloads the module, with parameters at random
 *
 * What is done must be answered with success or an error that manuals name; anything else
 * is told with the action, and each kind of action must have succeeded at times. Prints
 * promises. The kernel log is the caller's to look at.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libc.h"
#include "mlock2mon.h"
#include "promise.h"
#include "random.h"

#define ACTORS		5
#define ARENA		(64 * PG)
#define PG		4096UL
#define BIG		70000	/* more than is ever given at once */

struct actor {
	struct random	random;
	int		fd;		/* of the device, or -1 */
	char		*map;		/* of the ring, or NULL */
	size_t		map_len;
	char		*arena;
	unsigned long	wrong;		/* answers that must not be */
};

/* What must succeed at times; where all of it is refused, nothing was tried. */
static const char *const deeds[] = {
	"open", "read", "lseek", "ioctl", "mmap", "poll", "open in /proc", "read in /proc",
	"open a parameter", "a call",
};

#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static const char *module;
static unsigned long *done;		/* how often each has succeeded, in all processes */
static char buffer[BIG];

static void count_deed(const char *what)
{
	size_t i;

	for (i = 0; i < DEEDS; i++)
		if (!strcmp(what, deeds[i]))
			__atomic_add_fetch(&done[i], 1, __ATOMIC_RELAXED);
}

/* Was it answered with success, or one of these errors? */
static void answered(struct actor *a, const char *what, long ret, const int *errors)
{
	int error = errno;

	if (ret != -1) {
		count_deed(what);
		return;
	}
	for (; *errors; errors++)
		if (*errors == error)
			return;
	a->wrong++;
	note("%s: %s", what, strerrorname_np(error));
}

#define ERRORS(...) ((const int[]){ __VA_ARGS__, 0 })

/* A place to write to or to read from: good, at the end of what is mapped, or none. */
static void *some_place(struct actor *a)
{
	switch (below(&a->random, 12)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(next(&a->random) & ~7UL);
	case 2:
		return a->arena + ARENA - 8;
	default:
		return buffer;
	}
}

static uint64_t some_number(struct actor *a)
{
	static const uint64_t special[] = {
		0, 1, 2, 7, 8, 63, 64, 4095, 4096, 65536, INT32_MAX, UINT32_MAX, INT64_MAX,
		UINT64_MAX, 1ULL << 32, 1ULL << 63,
	};

	if (one_in(&a->random, 3))
		return pick(&a->random, special);
	return next(&a->random) >> below(&a->random, 48);
}

/* ---- the device ----------------------------------------------------------------------- */

static void drop(struct actor *a)
{
	if (a->map)
		munmap(a->map, a->map_len);
	a->map = NULL;
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
}

static void do_open(struct actor *a)
{
	static const int modes[] = { O_RDONLY, O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR };

	drop(a);
	a->fd = open(MLOCK2MON_DEVICE, pick(&a->random, modes) | O_NONBLOCK | O_CLOEXEC);
	answered(a, "open", a->fd, ERRORS(ENOENT, ENODEV, ENXIO, EACCES, EPERM, EINVAL, EBADF));
}

static void do_close(struct actor *a)
{
	drop(a);
}

static void do_read(struct actor *a)
{
	void *to = some_place(a);
	size_t len = below(&a->random, one_in(&a->random, 2) ? BIG : 600);

	if (a->fd != -1)
		answered(a, "read", read(a->fd, to, to == buffer ? len : len % 16),
			 ERRORS(EAGAIN, EINVAL, EFAULT, EBADF, EINTR));
}

static void do_pread(struct actor *a)
{
	if (a->fd != -1)
		answered(a, "pread", pread(a->fd, buffer, below(&a->random, BIG),
					   below(&a->random, 100000)),
			 ERRORS(EAGAIN, EINVAL, EBADF, ESPIPE));
}

static void do_write(struct actor *a)
{
	if (a->fd != -1)
		answered(a, "write", write(a->fd, buffer, 100), ERRORS(EBADF, EINVAL, EPERM));
}

static void do_seek(struct actor *a)
{
	if (a->fd != -1)
		answered(a, "lseek", lseek(a->fd, some_number(a), below(&a->random, 7)),
			 ERRORS(EINVAL, ENXIO, EOVERFLOW));
}

static void fill_filter(struct actor *a, struct mlock2mon_filter *filter)
{
	uint64_t *word = (uint64_t *)filter;
	size_t i;

	for (i = 0; i < sizeof(*filter) / sizeof(*word); i++)
		word[i] = one_in(&a->random, 3) ? some_number(a) : 0;
	if (!one_in(&a->random, 3))
		return;
	*filter = (struct mlock2mon_filter){
		.fields = MLOCK2MON_FILTER_CALLS | MLOCK2MON_FILTER_MIN_BYTES,
		.calls = 1 + below(&a->random, (1 << MLOCK2MON_NR_CALLS) - 1),
		.min_bytes = below(&a->random, 3),
	};
}

static void do_ioctl(struct actor *a)
{
	static const unsigned long numbers[] = {
		MLOCK2MON_IOC_INFO, MLOCK2MON_IOC_FORMAT, MLOCK2MON_IOC_FILTER,
		MLOCK2MON_IOC_GET_FILTER, MLOCK2MON_IOC_WATERMARK,
	};
	union {
		struct mlock2mon_filter	filter;
		struct mlock2mon_info	info;
		__u32			number;
	} arg = { 0 };
	unsigned long number = pick(&a->random, numbers);
	void *at = some_place(a);

	if (a->fd == -1)
		return;
	if (one_in(&a->random, 8))
		number = some_number(a);
	if (number == MLOCK2MON_IOC_FILTER)
		fill_filter(a, &arg.filter);
	else
		arg.number = one_in(&a->random, 2) ? below(&a->random, 4) : some_number(a);
	if (at == buffer)
		at = &arg;
	/* What the kernel itself does for any file may change how it is read from: not that. */
	if (number >> 8 == 0x54)
		return;
	answered(a, "ioctl", ioctl(a->fd, number, at), ERRORS(EINVAL, EFAULT, ENOTTY, EBADF));
}

static void do_map(struct actor *a)
{
	int prot = below(&a->random, 8) ? PROT_READ : below(&a->random, 8);
	int flags = one_in(&a->random, 6) ? MAP_PRIVATE : MAP_SHARED;
	size_t len = one_in(&a->random, 2) ? some_number(a) % (1UL << 36) : 3 * PG;
	size_t offset = one_in(&a->random, 3) ? below(&a->random, 64) * PG : 0;
	void *at;

	if (a->fd == -1)
		return;
	if (a->map)
		munmap(a->map, a->map_len);
	at = mmap(NULL, len, prot, flags, a->fd, offset);
	answered(a, "mmap", at == MAP_FAILED ? -1 : 0,
		 ERRORS(EINVAL, EACCES, EPERM, ENOMEM, ENXIO, EAGAIN, EOVERFLOW, EBADF, ENODEV));
	a->map = at == MAP_FAILED ? NULL : at;
	a->map_len = len;
	if (a->map && prot & PROT_WRITE && flags == MAP_SHARED) {
		a->wrong++;
		note("mmap: the ring can be written");
	}
}

/* Not more than the ring is there; what is behind it is a signal, so ask the kernel. */
static void do_look(struct actor *a)
{
	int ends[2];

	if (!a->map || pipe(ends))
		return;
	if (write(ends[1], a->map + below(&a->random, a->map_len), 1) == -1)
		answered(a, "a look", -1, ERRORS(EFAULT));
	close(ends[0]);
	close(ends[1]);
}

static void do_protect(struct actor *a)
{
	if (a->map && !mprotect(a->map, PG, PROT_READ | PROT_WRITE)) {
		a->wrong++;
		note("mprotect: the ring can be written");
	}
}

static void do_remap(struct actor *a)
{
	void *at;

	if (!a->map || a->map_len % PG)
		return;
	at = mremap(a->map, a->map_len, PG * (1 + below(&a->random, 100)), MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		return;
	munmap(at, PG);
	a->map = NULL;
	drop(a);
}

static void do_poll(struct actor *a)
{
	struct pollfd p = { .fd = a->fd, .events = next(&a->random) };

	if (a->fd == -1)
		return;
	answered(a, "poll", poll(&p, 1, below(&a->random, 3)), ERRORS(EINTR));
}

/* ---- files ---------------------------------------------------------------------------- */

static void do_proc(struct actor *a)
{
	static const char *const names[] = {
		MLOCK2MON_PROC "/stats", MLOCK2MON_PROC "/tasks", MLOCK2MON_PROC "/latency",
		MLOCK2MON_PROC "/inflight",
	};
	int fd = open(pick(&a->random, names), O_RDONLY | O_CLOEXEC);
	int i;

	answered(a, "open in /proc", fd, ERRORS(ENOENT, ENOMEM));
	for (i = below(&a->random, 6); fd != -1 && i > 0; i--) {
		if (one_in(&a->random, 3))
			answered(a, "lseek in /proc",
				 lseek(fd, some_number(a) >> 16, below(&a->random, 2)),
				 ERRORS(EINVAL));
		answered(a, "read in /proc", read(fd, buffer, 1 + below(&a->random, 5000)),
			 ERRORS(ENOMEM, EIO));
	}
	if (fd != -1)
		close(fd);
}

static void do_parameter(struct actor *a)
{
	static const char *const names[] = {
		"max_tasks", "ring_records", "maxactive", "related", "collapse", "near_kb",
	};
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/mlock2mon/parameters/%s",
		 pick(&a->random, names));
	fd = open(path, one_in(&a->random, 4) ? O_WRONLY : O_RDONLY);
	answered(a, "open a parameter", fd, ERRORS(ENOENT, EACCES, EPERM));
	if (fd == -1)
		return;
	answered(a, "read a parameter", read(fd, buffer, 100), ERRORS(EBADF, ENODEV));
	answered(a, "write a parameter", write(fd, "99999999999", 11),
		 ERRORS(EBADF, EINVAL, EPERM, EIO, ERANGE, ENODEV));
	close(fd);
}

/* ---- callers -------------------------------------------------------------------------- */

static void call(struct actor *a)
{
	static const long numbers[] = {
		SYS_mlock, SYS_mlock2, SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall,
	};
	long number = pick(&a->random, numbers);
	uint64_t at = (uint64_t)a->arena + below(&a->random, ARENA);
	uint64_t len = below(&a->random, 8 * PG);
	uint64_t flags = below(&a->random, 4);

	if (one_in(&a->random, 6))
		at = some_number(a);
	if (one_in(&a->random, 6))
		len = some_number(a);
	/* All there is takes too long, and may not be there. */
	if (number == SYS_mlockall)
		answered(a, "mlockall", syscall(number, 4 | below(&a->random, 3) << 1),
			 ERRORS(EINVAL, ENOMEM, EPERM, EAGAIN));
	else
		answered(a, number == SYS_munlockall ? "munlockall" : "a call",
			 syscall(number, at, len, flags),
			 ERRORS(EINVAL, ENOMEM, EPERM, EAGAIN));
	if (one_in(&a->random, 10))
		madvise(a->arena, ARENA, MADV_DONTNEED);
}

static void do_calls(struct actor *a)
{
	int i;

	for (i = below(&a->random, 20); i >= 0; i--)
		call(a);
	munlockall();
}

static void do_child(struct actor *a)
{
	pid_t pid = fork();
	int status = 0;
	int i;

	if (pid > 0) {
		if (one_in(&a->random, 3))
			kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		a->wrong += WIFEXITED(status) && WEXITSTATUS(status);
	}
	if (pid)
		return;
	a->wrong = 0;
	for (i = below(&a->random, 8); i >= 0; i--)
		call(a);
	if (one_in(&a->random, 4))
		raise(SIGKILL);
	_exit(a->wrong > 0);
}

static void (*const actions[])(struct actor *a) = {
	do_open, do_open, do_close, do_read, do_read, do_read, do_pread, do_write, do_seek, do_seek,
	do_ioctl, do_ioctl, do_ioctl, do_map, do_look, do_protect, do_remap, do_poll, do_proc,
	do_proc, do_parameter, do_calls, do_calls, do_child, do_child,
};

/* ---- loading -------------------------------------------------------------------------- */

static void load(struct actor *a)
{
	static const char *const formats[] = {
		"max_tasks=%u", "ring_records=%u", "maxactive=%u", "related=%u", "collapse=%u",
		"near_kb=%u",
	};
	static const unsigned int values[] = { 0, 1, 2, 16, 64, 100, 4096 };
	char args[256] = "";
	size_t i, used = 0;
	int fd = open(module, O_RDONLY | O_CLOEXEC);

	need(fd != -1, "open the module");
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!one_in(&a->random, 3))
			continue;
		used += snprintf(args + used, sizeof(args) - used, formats[i],
				 pick(&a->random, values));
		args[used++] = ' ';
		args[used] = '\0';
	}
	answered(a, args, syscall(SYS_finit_module, fd, args, 0),
		 ERRORS(EINVAL, ERANGE, EEXIST, EBUSY, ENOMEM));
	close(fd);
}

static void load_and_unload(struct actor *a)
{
	if (one_in(&a->random, 2))
		load(a);
	else
		answered(a, "delete_module", syscall(SYS_delete_module, "mlock2mon", O_NONBLOCK),
			 ERRORS(EWOULDBLOCK, EBUSY, ENOENT));
	usleep(below(&a->random, 30000));
}

/* ---- all of it ------------------------------------------------------------------------ */

static int act(unsigned int number, uint64_t seed, time_t end)
{
	struct actor a = { .random.state = (seed + 1) * 0x9e3779b97f4a7c15 + number, .fd = -1 };

	a.arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(a.arena != MAP_FAILED, "map memory");
	while (time(NULL) < end && a.wrong < 10) {
		if (number == ACTORS)
			load_and_unload(&a);
		else
			pick(&a.random, actions)(&a);
	}
	drop(&a);
	return a.wrong > 0;
}

static void all_were_done(void)
{
	unsigned int missing = 0;
	size_t i;

	for (i = 0; i < DEEDS; i++) {
		note("%s: %lu times", deeds[i], done[i]);
		missing += !done[i];
	}
	promise(!missing, "each kind of action has succeeded at times");
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, seconds = 10;
	unsigned int number, actors, bad = 0, wrong = 0;
	time_t end;
	int c;

	while ((c = getopt(argc, argv, "s:t:l:")) != -1) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			seconds = strtoull(optarg, NULL, 0);
		else if (c == 'l')
			module = optarg;
		else
			return 2;
	}
	note("seed %llu", (unsigned long long)seed);
	done = mmap(NULL, sizeof(*done) * DEEDS, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(done != MAP_FAILED, "map memory");
	end = time(NULL) + seconds;
	actors = ACTORS + !!module;
	for (number = 0; number < actors; number++)
		if (!fork())
			exit(act(number, seed, end));
	for (number = 0; number < actors; number++) {
		int status;

		need(wait(&status) > 0, "wait for a process");
		bad += !WIFEXITED(status) || WEXITSTATUS(status) > 1;
		wrong += WIFEXITED(status) && WEXITSTATUS(status) == 1;
		if (WIFSIGNALED(status))
			note("a process died of signal %d", WTERMSIG(status));
	}
	promise(!wrong, "each answer was success or an error that may be");
	promise(!bad, "each process came to its end");
	all_were_done();
	return 0;
}
