// SPDX-License-Identifier: GPL-2.0
/*
 * faults: let each allocation that something makes in the kernel fail, one after the other.
 *
 *	faults load FILE [PARAMETER=VALUE ...]
 *	faults use
 *
 * load: of loading the module. Whatever fails, nothing may be left, and the module load
 * without a fault. use: of each way to use a module that is loaded: open, the ioctls, read,
 * mmap, poll, and the files in /proc; each must fail with ENOMEM, or do all of its work.
 * Prints promises, and with each how many allocations there were.
 *
 * The kernel counts for a task down to the allocation that is to fail: /proc/self/fail-nth.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc.h"
#include "mlock2mon.h"
#include "opened.h"
#include "promise.h"

#define MOST		5000	/* allocations of one action; more would be no end */
#define KPROBES		"/sys/kernel/debug/kprobes/list"

static int nth;

static void arm(int number)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", number);

	need(pwrite(nth, text, len, 0) == len, "write /proc/self/fail-nth");
}

/* Did the allocation that was to fail take place? */
static bool disarm(void)
{
	char text[16] = "";
	bool was;

	need(pread(nth, text, sizeof(text) - 1, 0) > 0, "read /proc/self/fail-nth");
	was = !atoi(text);
	arm(0);
	return was;
}

static bool there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static bool file_is_empty(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY);
	ssize_t got;

	need(fd != -1, "open the list of kprobes");
	got = read(fd, &byte, 1);
	close(fd);
	return got == 0;
}

static bool nothing_left(void)
{
	static const char *const paths[] = {
		"/sys/module/mlock2mon", MLOCK2MON_PROC, MLOCK2MON_DEVICE,
		"/sys/class/misc/mlock2mon",
	};
	bool none = true;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!there(paths[i]))
			continue;
		note("%s is there", paths[i]);
		none = false;
	}
	if (!file_is_empty(KPROBES)) {
		note("a kprobe is left");
		none = false;
	}
	return none;
}

/* On the console: it takes the better part of an hour where every access is looked at. */
static void tell_progress(const char *what, int number)
{
	FILE *log;

	if (number % 100)
		return;
	log = fopen("/dev/kmsg", "w");
	need(log, "open /dev/kmsg");
	fprintf(log, "<4>faults: %s, allocation %d\n", what, number);
	fclose(log);
}

/* ---- loading -------------------------------------------------------------------------- */

/* With the allocation of that number failing, if it is not 0. */
static int load_with_fault(const char *file, const char *args, int number, bool *was)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int ret;

	need(fd != -1, "open the module");
	arm(number);
	ret = syscall(SYS_finit_module, fd, args, 0) ? errno : 0;
	*was = disarm();
	close(fd);
	return ret;
}

static int load(const char *file, const char *args)
{
	bool was;

	return load_with_fault(file, args, 0, &was);
}

static void unload(void)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (!syscall(SYS_delete_module, "mlock2mon", O_NONBLOCK))
			return;
		usleep(10000);
	}
	need(false, "unload the module");
}

static void loading(const char *file, char **param, int params)
{
	int number, ret, i, failed = 0, loaded = 0;
	bool was = true, enomem = true, clean = true;
	char args[256] = "";

	for (i = 0; i < params; i++) {
		strncat(args, param[i], sizeof(args) - strlen(args) - 1);
		strncat(args, " ", sizeof(args) - strlen(args) - 1);
	}
	for (number = 1; number < MOST; number++) {
		tell_progress("load", number);
		ret = load_with_fault(file, args, number, &was);
		if (!ret) {
			loaded++;
			unload();
		} else {
			failed++;
			if (ret != ENOMEM)
				note("allocation %d: %s", number, strerrorname_np(ret));
			enomem &= ret == ENOMEM;
		}
		if (!nothing_left()) {
			note("after allocation %d", number);
			clean = false;
		}
		if (!was)
			break;
	}
	note("%d allocations: %d made loading fail, %d did not", number - 1, failed, loaded - 1);
	promise(number < MOST && failed > 0, "each allocation of loading failed once");
	promise(enomem, "what failed is ENOMEM");
	promise(clean, "nothing was left");
	promise(!load(file, args), "the module loads when nothing fails");
	unload();
}

/* ---- using ---------------------------------------------------------------------------- */

static char *page;
static char text[65536];	/* all there, so that no read has to wait for memory of it */

static void lock_something(void)
{
	need(!syscall(SYS_mlock2, page, 4096UL, 0), "lock memory");
}

static long do_open(int fd)
{
	(void)fd;
	fd = open(MLOCK2MON_DEVICE, O_RDONLY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static long do_format(int fd)
{
	__u32 format = MLOCK2MON_FORMAT_BINARY;

	return ioctl(fd, MLOCK2MON_IOC_FORMAT, &format);
}

static long do_filter(int fd)
{
	struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_MIN_BYTES, .min_bytes = 1,
	};

	return ioctl(fd, MLOCK2MON_IOC_FILTER, &filter);
}

static long do_info(int fd)
{
	struct mlock2mon_info info;

	return ioctl(fd, MLOCK2MON_IOC_INFO, &info);
}

static long do_read(int fd)
{
	lseek(fd, 0, SEEK_SET);
	return read(fd, text, sizeof(text)) > 0 ? 0 : -1;
}

static long do_map(int fd)
{
	void *at = mmap(NULL, 2 * sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -1;
	munmap(at, 2 * sysconf(_SC_PAGESIZE));
	return 0;
}

static long do_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -1 : 0;
}

static long read_all(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;
	int error;

	if (fd == -1)
		return -1;
	while ((got = read(fd, text, sizeof(text))) > 0)
		;
	error = errno;
	close(fd);
	errno = error;
	return got;
}

static long do_call(int fd)
{
	(void)fd;
	return syscall(SYS_mlock2, page, 4096UL, 0);
}

/* What is done to an open device, or which file is read. */
static const struct {
	const char	*name;
	long		(*act)(int fd);
	const char	*path;
	bool		allocates;
} actions[] = {
	{ "open", do_open, NULL, true },
	{ "the ioctl of the format", do_format, NULL, false },
	{ "the ioctl of the filter", do_filter, NULL, false },
	{ "the ioctl of information", do_info, NULL, false },
	{ "read", do_read, NULL, false },
	{ "mmap", do_map, NULL, true },
	{ "poll", do_poll, NULL, false },
	{ "stats", NULL, MLOCK2MON_PROC "/stats", true },
	{ "tasks", NULL, MLOCK2MON_PROC "/tasks", true },
	{ "latency", NULL, MLOCK2MON_PROC "/latency", true },
	{ "inflight", NULL, MLOCK2MON_PROC "/inflight", true },
	{ "mlock2", do_call, NULL, false },
};

static void use(size_t action)
{
	int number, failed = 0;
	bool was = true, enomem = true;

	for (number = 1; was && number < MOST; number++) {
		int fd = open_device(O_NONBLOCK);
		int error;
		long ret;

		tell_progress(actions[action].name, number);
		lock_something();
		arm(number);
		if (actions[action].act)
			ret = actions[action].act(fd);
		else
			ret = read_all(actions[action].path);
		error = errno;
		was = disarm();
		close(fd);
		if (ret < 0) {
			failed++;
			enomem &= error == ENOMEM;
			if (error != ENOMEM)
				note("allocation %d: %s", number, strerrorname_np(error));
		}
	}
	note("%s: %d allocations, %d made it fail", actions[action].name, number - 2, failed);
	promise(number < MOST && enomem && (failed || !actions[action].allocates),
		"%s fails with ENOMEM, or works", actions[action].name);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t i;

	nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	need(nth != -1, "open /proc/self/fail-nth");
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "map memory");
	if (!strcmp(what, "load") && argc > 2) {
		loading(argv[2], argv + 3, argc - 3);
		return 0;
	}
	if (strcmp(what, "use"))
		return 2;
	memset(text, ' ', sizeof(text));
	lock_something();
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		use(i);
	return 0;
}
