// SPDX-License-Identifier: GPL-2.0
/*
 * hold: keep threads inside mlock2 until told to let them go.
 *
 *	hold [-t THREADS] [-n NAME]
 *
 * Each thread locks a page of its own, in one region where userfaultfd makes
 * the page fault wait. Prints `held THREADS` when all of them wait. A line on
 * stdin, or its end, lets them go; then prints
 *
 *	released THREADS failed N held_ns NS
 *
 * NS is the time from the last fault to the release: no call took less. -n
 * names the threads. Killed before that, the threads die in the call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "promise.h"

#define PAGE		4096UL
#define STACK		(64 * 1024)

static char *region;
static const char *name;

static unsigned long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void *lock_page(void *arg)
{
	if (name)
		prctl(PR_SET_NAME, name);
	return (void *)syscall(SYS_mlock2, arg, PAGE, 0);
}

static int make_region(size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd;

	region = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(region != MAP_FAILED, "map memory");
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	need(fd != -1, "use userfaultfd");
	need(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	reg.range.start = (unsigned long)region;
	reg.range.len = len;
	need(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	return fd;
}

static void start(pthread_t *thread, int threads)
{
	pthread_attr_t attr;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (i = 0; i < threads; i++) {
		errno = pthread_create(&thread[i], &attr, lock_page, region + i * PAGE);
		need(!errno, "start a thread");
	}
}

/* A fault may be reported again after a spurious wake-up; each page counts once. */
static void wait_for_faults(int fd, int threads)
{
	bool *waits = calloc(threads, sizeof(*waits));
	struct uffd_msg msg;
	int held = 0;
	size_t page;

	need(waits, "get memory");
	while (held < threads) {
		need(read(fd, &msg, sizeof(msg)) == sizeof(msg), "read userfaultfd");
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		page = (msg.arg.pagefault.address - (unsigned long)region) / PAGE;
		if (page < (size_t)threads && !waits[page]) {
			waits[page] = true;
			held++;
		}
	}
	free(waits);
}

static void let_go(int fd, size_t len)
{
	struct uffdio_zeropage zero = { .range.start = (unsigned long)region };
	size_t done;

	for (done = 0; done < len; done += PAGE) {
		zero.range.start = (unsigned long)region + done;
		zero.range.len = PAGE;
		need(!ioctl(fd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
	}
}

static void hold(int threads)
{
	pthread_t *thread = calloc(threads, sizeof(*thread));
	unsigned long since;
	int failed = 0;
	void *ret;
	char c;
	int fd;
	int i;

	need(thread, "get memory");
	fd = make_region(threads * PAGE);
	start(thread, threads);
	wait_for_faults(fd, threads);
	since = now_ns();
	printf("held %d\n", threads);
	fflush(stdout);

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
	since = now_ns() - since;
	let_go(fd, threads * PAGE);
	for (i = 0; i < threads; i++) {
		pthread_join(thread[i], &ret);
		failed += !!ret;
	}
	printf("released %d failed %d held_ns %lu\n", threads, failed, since);
	free(thread);
}

int main(int argc, char **argv)
{
	int threads = 1;
	int opt;

	while ((opt = getopt(argc, argv, "t:n:")) != -1) {
		switch (opt) {
		case 't':
			threads = atoi(optarg);
			break;
		case 'n':
			name = optarg;
			break;
		default:
			return 2;
		}
	}
	if (threads < 1)
		return 2;
	hold(threads);
	return 0;
}
