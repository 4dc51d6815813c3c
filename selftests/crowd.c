// SPDX-License-Identifier: GPL-2.0
/*
 * crowd: many tasks that made one call and sleep.
 *
 *	crowd
 *
 * Reads numbers, a line each: when there are so many tasks it prints the number. It never takes
 * one away; at the end of input it sleeps with them. The tasks are threads of one process with
 * as little of their own as can be: a stack of 512 bytes.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "promise.h"

#define STACK		512UL
#define MOST		1000000UL
#define THREAD		(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |	\
			 CLONE_SYSVSEM)

static unsigned int done;

#ifdef __x86_64__
static long enter(long nr, const void *a, long b, long c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret;
}
#else
static long enter(long nr, const void *a, long b, long c)
{
	register long x8 asm("x8") = nr;
	register long x0 asm("x0") = (long)a;
	register long x1 asm("x1") = b;
	register long x2 asm("x2") = c;

	asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#endif

/*
 * Nothing of the C library may be used here: it would take this thread for another.
 */
static int member(void *page)
{
	static const unsigned long no_signal;

	if (!enter(SYS_mlock2, page, 1, 0))
		__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	while (enter(SYS_rt_sigsuspend, &no_signal, sizeof(no_signal), 0) < 0)
		;
	return 0;
}

static void add_one(char *stack, void *page)
{
	need(clone(member, stack + STACK, THREAD, page) != -1, "make a thread");
}

static void wait_for(unsigned long number)
{
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < number)
		usleep(1000);
}

int main(void)
{
	char *stacks = mmap(NULL, MOST * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long number = 0, wanted;

	need(stacks != MAP_FAILED && page != MAP_FAILED, "map memory");
	while (scanf("%lu", &wanted) == 1 && wanted <= MOST) {
		for (; number < wanted; number++)
			add_one(stacks + number * STACK, page);
		wait_for(number);
		printf("%lu\n", number);
		fflush(stdout);
	}
	for (;;)
		pause();
}
