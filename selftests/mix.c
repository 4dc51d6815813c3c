// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * Many calls of every kind, by several processes and threads at once.
 *
 * Usage: mix [-s SEED] [-n CALLS] [-x]
 *
 *   -s  seed of the random arguments (1)
 *   -n  calls of each thread (200)
 *   -x  no 32-bit calls from the 64-bit program
 *
 * What a call asked for is recorded by those who watch, not by this program. It
 * prints how many calls it made and what came of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

#define PG		4096UL
#define ARENA		0x40000000UL
#define ARENA_PAGES	96
#define NR_THREADS	3
#define SOMEBODY	1000

static const struct {
	unsigned int uid;
	rlim_t limit;
	bool int80;		/* every other call a 32-bit one */
} processes[] = {
	{ 0,		64 * PG,	false },
	{ SOMEBODY,	16 * PG,	false },
	{ SOMEBODY,	0,		false },
	{ 0,		8 * PG,		true },
};

#define NR_PROCESSES	(sizeof(processes) / sizeof(processes[0]))

enum call { MLOCK2, MLOCK, MUNLOCK, MLOCKALL, MUNLOCKALL, NR_CALLS };

static const long nrs[] = { SYS_mlock2, SYS_mlock, SYS_munlock, SYS_mlockall, SYS_munlockall };

/* Shared by all processes; every counter is added to by many. */
struct tally {
	unsigned long calls;
	unsigned long call[NR_CALLS];
	unsigned long compat;
	unsigned long success;
	unsigned long error[256];
};

static struct tally *tally;
static unsigned long calls_each = 200;

/* ---- arguments ------------------------------------------------------------------------ */

static unsigned long choose_addr(struct random *random)
{
	static const unsigned long odd[] = { 0, 1, -PG, -1UL, 0xfffff000, -1UL / 2 - PG + 1 };
	unsigned long addr;

	if (one_in(random, 16))
		return pick(random, odd);
	addr = ARENA + below(random, ARENA_PAGES + 2) * PG - PG;
	return one_in(random, 4) ? addr + below(random, PG) : addr;
}

static unsigned long choose_len(struct random *random, unsigned long addr)
{
	const unsigned long odd[] = { 0, 1, -1UL, -PG + 1, -addr, -addr - PG, 1UL << 31 };
	unsigned long len;

	if (one_in(random, 16))
		return pick(random, odd);
	len = below(random, one_in(random, 4) ? 40 : 8) * PG;
	return one_in(random, 4) ? len + below(random, PG) : len;
}

static unsigned int choose_flags(struct random *random, enum call call)
{
	if (one_in(random, 10))
		return next(random) >> below(random, 32);
	return call == MLOCK2 ? below(random, 2) : below(random, 8);
}

static enum call choose_call(struct random *random)
{
	static const enum call often[] = { MLOCK2, MLOCK2, MLOCK, MLOCK, MUNLOCK };

	if (one_in(random, 8))
		return one_in(random, 2) ? MLOCKALL : MUNLOCKALL;
	return pick(random, often);
}

/* ---- calls ---------------------------------------------------------------------------- */

#ifdef __x86_64__
/* Of wider arguments the kernel would take the lower half, and strace tell the whole. */
static long enter_int80(enum call call, unsigned int a, unsigned int b, unsigned int c)
{
	static const long ia32[] = { 376, 150, 151, 152, 153 };
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "0" (ia32[call]), "b" ((long)a), "c" ((long)b), "d" ((long)c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static const bool has_int80 = true;
#else
static long enter_int80(enum call call, unsigned int a, unsigned int b, unsigned int c)
{
	return syscall(nrs[call], a, b, c) ? -errno : 0;
}

static const bool has_int80;
#endif

static void count(unsigned long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void make_call(struct random *random, bool maybe_int80)
{
	enum call call = choose_call(random);
	unsigned long addr = choose_addr(random);
	unsigned long len = choose_len(random, addr);
	unsigned int flags = choose_flags(random, call);
	bool int80 = maybe_int80 && one_in(random, 2);
	long ret;

	if (call == MLOCKALL)
		addr = flags;
	if (int80)
		ret = enter_int80(call, addr, len, flags);
	else
		ret = syscall(nrs[call], addr, len, flags) ? -errno : 0;
	count(&tally->calls);
	count(&tally->call[call]);
	if (int80 || sizeof(long) == 4)
		count(&tally->compat);
	if (ret)
		count(&tally->error[-ret & 255]);
	else
		count(&tally->success);
}

/* ---- processes and threads ------------------------------------------------------------ */

struct worker {
	struct random random;
	bool int80;
	pthread_t thread;
};

/* With MCL_FUTURE and a small limit the stack of a further thread is refused. */
static pthread_barrier_t all_there;

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned long i;

	pthread_barrier_wait(&all_there);
	for (i = 0; i < calls_each; i++)
		make_call(&worker->random, worker->int80);
	return NULL;
}

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void map(unsigned long page, unsigned long pages, int prot, int flags, int fd)
{
	void *at = (void *)(ARENA + page * PG);

	if (mmap(at, pages * PG, prot, flags | MAP_FIXED, fd, 0) != at)
		die("mmap");
}

/* Something of everything: memory, none allowed, none there, a file that ends early. */
static void furnish(void)
{
	int fd = memfd_create("mix", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 8 * PG))
		die("memfd");
	map(0, 32, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(32, 8, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(48, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map(64, 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(80, 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void become(size_t process)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		die("getrlimit");
	limit.rlim_cur = processes[process].limit;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		die("setrlimit");
	if (processes[process].uid &&
	    setresuid(processes[process].uid, processes[process].uid, processes[process].uid))
		die("setresuid");
}

static void run(size_t process, uint64_t seed, bool compat)
{
	struct worker worker[NR_THREADS];
	pthread_attr_t attr;
	int i;

	furnish();
	become(process);
	/* Small stacks, since mlockall brings all of them in. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_barrier_init(&all_there, NULL, NR_THREADS);
	for (i = 0; i < NR_THREADS; i++) {
		worker[i].random.state = (seed + 1) * 0x9e3779b97f4a7c15 + process * NR_THREADS + i;
		worker[i].int80 = has_int80 && compat && processes[process].int80;
		/* Those next to each other begin alike. */
		while (below(&worker[i].random, 16))
			;
		if (i && pthread_create(&worker[i].thread, &attr, work, &worker[i]))
			die("pthread_create");
	}
	work(&worker[0]);
	for (i = 1; i < NR_THREADS; i++)
		pthread_join(worker[i].thread, NULL);
	_exit(0);
}

static void report(uint64_t seed)
{
	printf("seed=%llu calls=%lu compat=%lu success=%lu EPERM=%lu EINVAL=%lu ENOMEM=%lu",
	       (unsigned long long)seed, tally->calls, tally->compat, tally->success,
	       tally->error[EPERM], tally->error[EINVAL], tally->error[ENOMEM]);
	printf(" mlock2=%lu mlock=%lu munlock=%lu mlockall=%lu munlockall=%lu\n",
	       tally->call[MLOCK2], tally->call[MLOCK], tally->call[MUNLOCK],
	       tally->call[MLOCKALL], tally->call[MUNLOCKALL]);
}

int main(int argc, char **argv)
{
	bool compat = true;
	uint64_t seed = 1;
	int option, status, failed = 0;
	size_t process;

	while ((option = getopt(argc, argv, "s:n:x")) != -1) {
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			calls_each = strtoul(optarg, NULL, 0);
		else if (option == 'x')
			compat = false;
		else
			return 2;
	}
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (tally == MAP_FAILED)
		die("mmap");
	for (process = 0; process < NR_PROCESSES; process++) {
		if (!fork())
			run(process, seed, compat);
	}
	while (wait(&status) > 0)
		failed |= status;
	report(seed);
	return !!failed;
}
