// SPDX-License-Identifier: GPL-2.0
/*
 * modload: load and unload the module, and tell the errno the kernel gave.
 *
 *	modload load FILE [PARAMETER=VALUE ...]
 *	modload unload
 *	modload first FILE [PARAMETER=VALUE ...]
 *	modload cycle COUNT FILE [PARAMETER=VALUE ...]
 *
 * load and unload print the name of the errno, or 0. first loads, makes a call
 * and reads its record, and prints the nanoseconds the load took, and those from
 * then on until the record was there. cycle loads and
 * unloads COUNT times, as soon as nobody keeps the module, and prints how often
 * an unload had to be tried again, and what mlock2.returns of stats was in sum.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libc.h"
#include "mlock2mon.h"
#include "promise.h"

#define NAME	"mlock2mon"

static int load(const char *file, char **param, int params)
{
	char args[256] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int ret;
	int i;

	need(fd != -1, "open the module");
	for (i = 0; i < params; i++) {
		strncat(args, param[i], sizeof(args) - strlen(args) - 1);
		strncat(args, " ", sizeof(args) - strlen(args) - 1);
	}
	ret = syscall(SYS_finit_module, fd, args, 0) ? errno : 0;
	close(fd);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, NAME, O_NONBLOCK) ? errno : 0;
}

static int say(int error)
{
	printf("%s\n", error ? strerrorname_np(error) : "0");
	return error ? 1 : 0;
}

static unsigned long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static int first(const char *file, char **param, int params)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long start = now_ns();
	unsigned long loaded;
	char line[4096];
	char pid[20];
	ssize_t len;
	int fd;

	need(page != MAP_FAILED, "map memory");
	errno = load(file, param, params);
	loaded = now_ns();
	need(!errno, "load the module");
	need(!syscall(SYS_mlock2, page, 4096UL, 0), "mlock2");
	fd = open(MLOCK2MON_DEVICE, O_RDONLY);
	need(fd != -1, "open " MLOCK2MON_DEVICE);
	len = read(fd, line, sizeof(line) - 1);
	need(len > 0, "read a record");
	printf("%lu %lu\n", loaded - start, now_ns() - loaded);
	line[len] = '\0';
	snprintf(pid, sizeof(pid), " pid=%d ", getpid());
	return strstr(line, pid) && strstr(line, " call=mlock2 ") ? 0 : 1;
}

/* mlock2.returns of stats. */
static unsigned long returns(void)
{
	FILE *stats = fopen(MLOCK2MON_PROC "/stats", "r");
	unsigned long value = 0;
	char line[256];

	need(stats, "open " MLOCK2MON_PROC "/stats");
	while (fgets(line, sizeof(line), stats))
		if (sscanf(line, "mlock2.returns %lu", &value) == 1)
			break;
	fclose(stats);
	return value;
}

static int cycle(int count, const char *file, char **param, int params)
{
	unsigned long again = 0, seen = 0;
	int i;

	for (i = 0; i < count; i++) {
		errno = load(file, param, params);
		need(!errno, "load the module");
		usleep(i % 5 * 3000);
		seen += returns();
		while ((errno = unload())) {
			need(errno == EWOULDBLOCK, "unload the module");
			again++;
			usleep(1000);
		}
	}
	printf("%lu %lu\n", again, seen);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "load") && argc > 2)
		return say(load(argv[2], argv + 3, argc - 3));
	if (!strcmp(what, "unload"))
		return say(unload());
	if (!strcmp(what, "first") && argc > 2)
		return first(argv[2], argv + 3, argc - 3);
	if (!strcmp(what, "cycle") && argc > 3)
		return cycle(atoi(argv[2]), argv[3], argv + 4, argc - 4);
	return 2;
}
