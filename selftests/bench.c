// SPDX-License-Identifier: GPL-2.0
/*
 * bench: what calls cost, in ticks of the processor's clock.
 *
 *	bench [-b BATCHES] [CALL ...]
 *	bench -f CALL
 *	bench -l
 *
 * Each CALL, or each there is, is measured in a process of its own, which makes it
 * in batches. Prints a line a batch, `CALL TICKS`: the ticks of one call. -l lists
 * them, `CALL DESCRIPTION`. -f makes CALL for ever. In a guest under --icount a tick
 * is an instruction.
 *
 * Batches are short, so that most of them see no timer interrupt. Nothing in a batch
 * sleeps while there is nothing else to run: time would leap.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promise.h"
#include "ticks.h"

#define PAGE		4096UL
#define PAGES		20
#define MAX_BATCHES	1000
#define PAUSE_US	20000

static unsigned int batches = 60;
static char *page;
static char *heap_end;
static char *mapped[PAGES];

static char *map(int prot, int flags)
{
	char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	need(p != MAP_FAILED, "map memory");
	return p;
}

static void unmap(char *p)
{
	need(!munmap(p, PAGE), "unmap memory");
}

static void lock_again(unsigned int i)
{
	(void)i;
	need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
}

static void lock_page(void)
{
	if (page)
		return;
	page = map(PROT_READ | PROT_WRITE, 0);
	lock_again(0);
}

/* Neighbours differ, or they would become one mapping. */
static void map_many(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		mapped[i] = map(i % 2 ? PROT_READ : PROT_NONE, 0);
}

static void unmap_one(unsigned int i)
{
	unmap(mapped[i]);
}

static void map_and_unmap(unsigned int i)
{
	(void)i;
	unmap(map(PROT_READ, 0));
}

static void lock_and_unmap(unsigned int i)
{
	(void)i;
	unmap(map(PROT_READ | PROT_WRITE, MAP_LOCKED));
}

static void find_heap(void)
{
	heap_end = sbrk(0);
}

static void set_heap(char *end)
{
	need(syscall(SYS_brk, end) == (long)end, "set the end of the heap");
}

static void grow_and_shrink(unsigned int i)
{
	(void)i;
	set_heap(heap_end + PAGE);
	set_heap(heap_end);
}

static void end_or_wait(pid_t pid)
{
	if (!pid)
		_exit(0);
	need(pid != -1 && wait(NULL) == pid, "make a process");
}

static void fork_and_exit(unsigned int i)
{
	(void)i;
	end_or_wait(fork());
}

static void vfork_and_exit(unsigned int i)
{
	(void)i;
	end_or_wait(vfork());
}

static const struct subject {
	const char	*name;
	unsigned int	calls;			/* of a batch */
	void		(*prepare)(void);	/* before a batch, not measured; or NULL */
	void		(*call)(unsigned int i);
	const char	*text;
} subjects[] = {
	{ "mlock2", 100, lock_page, lock_again, "mlock2() of a page that is locked already" },
	{ "munmap", PAGES, map_many, unmap_one,
	  "munmap() of an untouched page; the process locks nothing" },
	{ "mmap+munmap", 10, NULL, map_and_unmap,
	  "mmap() and munmap() of such a page; the process locks nothing" },
	{ "brk+brk", 10, find_heap, grow_and_shrink,
	  "brk() a page up and down; the process locks nothing" },
	{ "fork+exit", 1, NULL, fork_and_exit,
	  "fork(), exit and wait() of a process that made none of the calls" },
	{ "vfork+exit", 1, NULL, vfork_and_exit,
	  "vfork(), exit and wait(), with less around the exit" },
	{ "mmap_locked+munmap", 10, NULL, lock_and_unmap,
	  "mmap(MAP_LOCKED) and munmap() of a page" },
};

#define NR_SUBJECTS	(sizeof(subjects) / sizeof(subjects[0]))

/* The pause is for what the kernel puts off, as to free what the last batch left. */
static double measure(const struct subject *s)
{
	unsigned long start;
	unsigned int i;

	if (s->prepare)
		s->prepare();
	usleep(PAUSE_US);
	start = ticks_now();
	for (i = 0; i < s->calls; i++)
		s->call(i);
	return (double)(ticks_now() - start) / s->calls;
}

/* Nothing is printed before all is measured: output is work for the kernel. */
static void measure_all(const struct subject *s)
{
	static double ticks[MAX_BATCHES];
	unsigned int b;

	for (b = 0; b < batches; b++)
		ticks[b] = measure(s);
	for (b = 0; b < batches; b++)
		printf("%s %.1f\n", s->name, ticks[b]);
	exit(fflush(stdout) ? 2 : 0);
}

static void run(const struct subject *s)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		measure_all(s);
	need(pid != -1 && wait(&status) == pid, "fork");
	if (status)
		exit(2);
}

static const struct subject *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_SUBJECTS; i++)
		if (!strcmp(subjects[i].name, name))
			return &subjects[i];
	errno = EINVAL;
	need(false, name);
	return NULL;
}

__attribute__((noreturn))
static void run_for_ever(const struct subject *s)
{
	unsigned int i;

	for (i = 0;; i = (i + 1) % s->calls) {
		if (!i && s->prepare)
			s->prepare();
		s->call(i);
	}
}

static int list(void)
{
	size_t i;

	for (i = 0; i < NR_SUBJECTS; i++)
		printf("%s %s\n", subjects[i].name, subjects[i].text);
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "b:f:l")) != -1) {
		if (opt == 'l')
			return list();
		if (opt == 'f')
			run_for_ever(find(optarg));
		if (opt != 'b')
			return 2;
		batches = atoi(optarg);
	}
	if (!batches || batches > MAX_BATCHES)
		return 2;
	for (i = 0; optind == argc && i < NR_SUBJECTS; i++)
		run(&subjects[i]);
	for (; optind < argc; optind++)
		run(find(argv[optind]));
	return 0;
}
