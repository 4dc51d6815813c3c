// SPDX-License-Identifier: GPL-2.0
/*
 * shared: what one thread cannot know of another, and what a task was before.
 *
 *	shared limit SECONDS	as an ordinary user with a limit of one page: one
 *				thread locks a page again and again, another maps
 *				and unmaps locked memory, which is no call of the
 *				family. Prints `failed N`, all for the limit.
 *	shared pair SECONDS	two threads, each of which locks and unlocks a page of
 *				its own again and again.
 *	shared changed		locks as root, becomes somebody else with another
 *				name, and stays inside mlock2 until killed. Prints
 *				`inside` when it is there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "promise.h"

#define PAGE	4096UL
#define SOMEBODY	1000

static atomic_bool done;

static char *map_page(int flags)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void *map_locked(void *arg)
{
	char *page;

	while (!atomic_load(&done)) {
		page = map_page(MAP_LOCKED);
		if (page != MAP_FAILED)
			munmap(page, PAGE);
	}
	return arg;
}

static int limit(int seconds)
{
	struct rlimit one = { PAGE, PAGE };
	time_t end = time(NULL) + seconds;
	char *page = map_page(0);
	unsigned long failed = 0;
	pthread_t thread;

	need(page != MAP_FAILED, "map memory");
	page[0] = 1;
	need(!setrlimit(RLIMIT_MEMLOCK, &one) && !setresuid(SOMEBODY, SOMEBODY, SOMEBODY),
	     "become somebody");
	errno = pthread_create(&thread, NULL, map_locked, NULL);
	need(!errno, "start a thread");
	while (time(NULL) < end) {
		if (syscall(SYS_mlock2, page, PAGE, 0))
			failed++;
		else
			munlock(page, PAGE);
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	printf("failed %lu\n", failed);
	return failed ? 0 : 1;
}

static void *lock_and_unlock(void *page)
{
	while (!atomic_load(&done)) {
		need(!syscall(SYS_mlock2, page, PAGE, 0), "lock a page");
		munlock(page, PAGE);
	}
	return page;
}

static int pair(int seconds)
{
	pthread_t thread[2];
	void *page;
	int i;

	for (i = 0; i < 2; i++) {
		page = map_page(0);
		need(page != MAP_FAILED, "map memory");
		errno = pthread_create(&thread[i], NULL, lock_and_unlock, page);
		need(!errno, "start a thread");
	}
	sleep(seconds);
	atomic_store(&done, true);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static int make_waiting(char *page)
{
	struct uffdio_register reg = {
		.range = { (unsigned long)page, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need(fd != -1 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg),
	     "use userfaultfd");
	return fd;
}

static void *tell_when_inside(void *arg)
{
	struct uffd_msg msg;

	need(read(*(int *)arg, &msg, sizeof(msg)) == sizeof(msg), "read userfaultfd");
	puts("inside");
	fflush(stdout);
	return NULL;
}

static int changed(void)
{
	char *page = map_page(0);
	char *first = map_page(0);
	pthread_t thread;
	int fd;

	need(page != MAP_FAILED && first != MAP_FAILED, "map memory");
	prctl(PR_SET_NAME, "as-root");
	need(!syscall(SYS_mlock2, first, PAGE, 0), "lock a page");
	fd = make_waiting(page);
	errno = pthread_create(&thread, NULL, tell_when_inside, &fd);
	need(!errno, "start a thread");
	prctl(PR_SET_NAME, "as-somebody");
	/* The system call, so that only this thread changes. */
	need(!syscall(SYS_setresuid, SOMEBODY, SOMEBODY, SOMEBODY), "become somebody");
	syscall(SYS_mlock2, page, PAGE, 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "limit"))
		return limit(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "pair"))
		return pair(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "changed"))
		return changed();
	return 2;
}
