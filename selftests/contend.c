// SPDX-License-Identifier: GPL-2.0
/*
 * contend: processes, each on a processor of its own, that call mlock2() at the same time.
 *
 *	contend PROCESSES CALLS
 *
 * Each makes CALLS on a page of its own. Prints the nanoseconds of one call: from when all are
 * let go to when the last one is through, by CALLS.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "promise.h"

#define PAGE	4096UL

static struct {
	unsigned int	ready;
	unsigned int	go;
} *shared;

static void *map(int flags)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	need(at != MAP_FAILED, "map memory");
	return at;
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void add(unsigned int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static unsigned int look(unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "stay on a processor");
}

static void call(unsigned int cpu, unsigned long calls)
{
	void *page = map(MAP_PRIVATE);

	stay_on(cpu);
	need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
	add(&shared->ready);
	while (!look(&shared->go))
		;
	while (calls--)
		need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
	_exit(0);
}

static void wait_all(unsigned int processes)
{
	int status;

	while (processes--) {
		need(wait(&status) != -1, "wait");
		if (status)
			exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned int processes, i;
	unsigned long calls;
	double start;
	pid_t pid;

	if (argc != 3)
		return 2;
	processes = atoi(argv[1]);
	calls = strtoul(argv[2], NULL, 10);
	if (!processes || !calls)
		return 2;
	shared = map(MAP_SHARED);
	for (i = 0; i < processes; i++) {
		pid = fork();
		need(pid != -1, "fork");
		if (!pid)
			call(i, calls);
	}
	while (look(&shared->ready) < processes)
		usleep(100);
	start = now_ns();
	add(&shared->go);
	wait_all(processes);
	printf("%.1f\n", (now_ns() - start) / calls);
	return fflush(stdout) ? 2 : 0;
}
