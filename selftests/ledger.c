// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * Everything that changes locked memory, at random, in many processes, and at quiet
 * points what each of them has locked.
 *
 * Usage: ledger [-s SEED] [-n OPERATIONS] FILE
 *
 *   -s  seed of the random operations (1)
 *   -n  operations of all processes together (10000)
 *
 * At a quiet point no thread of a process is inside a call. There it makes a call that
 * can be found again, munlock(MARK, N pages), which fails and changes nothing, and adds
 * to FILE
 *
 *	marker PID N KB		VmLck of the process then
 *	solo PID		a process that has one thread, once
 *
 * Prints how often each operation was done and how often it succeeded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libc.h"
#include "random.h"

#define PG		4096UL
#define HUGE		(2UL << 20)
#define ARENA		0x40000000UL
#define ARENA_PAGES	256UL
#define HUGE_ARENA	0x48000000UL
#define GROW_ARENA	0x50000000UL
#define GROW_ROOM	0x01000000UL
#define MARK		0x1000UL	/* below vm.mmap_min_addr: never mapped */
#define RW		(PROT_READ | PROT_WRITE)
#define ANON		(MAP_PRIVATE | MAP_ANONYMOUS)
#define SOMEBODY	1000
#define MAX_THREADS	4
#define EXIT_KILLED	77

/* Kept in this order: an executed process is told its number. */
static const struct kind {
	unsigned int uid;
	unsigned long limit_kb;
	int threads;
} kinds[] = {
	{ 0,		64,	1 },
	{ SOMEBODY,	64,	1 },
	{ SOMEBODY,	1024,	1 },
	{ 0,		8192,	3 },
	{ SOMEBODY,	16384,	1 },
	{ SOMEBODY,	512,	3 },
	{ SOMEBODY,	0,	1 },
};

#define NR_KINDS	((int)(sizeof(kinds) / sizeof(kinds[0])))

struct worker {
	struct random random;
	int thread;
	int left;		/* operations */
	pthread_t pthread;
};

static int kind;
static int out;			/* FILE, appended to by all */
static int zero;		/* /dev/zero */
static int children;		/* how deep in forks */
static unsigned int markers;
static uintptr_t heap;
static pthread_barrier_t quiet;
static const char *program;

struct tally {
	unsigned long done;
	unsigned long good;
};

static struct tally *tally;	/* shared by all processes, one an operation */

#define TALLY_FD	9

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static uintptr_t some_page(struct worker *w)
{
	return ARENA + below(&w->random, ARENA_PAGES) * PG;
}

static size_t some_len(struct worker *w)
{
	size_t len = (1 + below(&w->random, one_in(&w->random, 16) ? 64 : 4)) * PG;

	return one_in(&w->random, 6) ? len - below(&w->random, PG) : len;
}

static void *some_place(struct worker *w)
{
	return (void *)some_page(w);
}

/* ---- quiet points --------------------------------------------------------------------- */

/* Neither stdio nor malloc: both may map memory. */
static long locked_kb(void)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t len;
	char *at;

	if (fd < 0)
		die("status");
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		die("status");
	text[len] = '\0';
	at = strstr(text, "\nVmLck:");
	return at ? atol(at + 7) : -1;
}

static void tell(const char *line)
{
	if (write(out, line, strlen(line)) != (ssize_t)strlen(line))
		die("FILE");
}

static void make_marker(void)
{
	static char line[64];
	long before = locked_kb();

	markers++;
	if (!syscall(SYS_munlock, MARK, markers * PG) || errno != ENOMEM)
		die("a marker is no failure");
	if (locked_kb() != before)
		return;
	snprintf(line, sizeof(line), "marker %d %u %ld\n", getpid(), markers, before);
	tell(line);
}

static void tell_solo(void)
{
	static char line[64];

	snprintf(line, sizeof(line), "solo %d\n", getpid());
	tell(line);
}

/* ---- operations: true if it worked ---------------------------------------------------- */

static bool op_mlock(struct worker *w)
{
	return !syscall(SYS_mlock, some_page(w), some_len(w));
}

static bool op_mlock2(struct worker *w)
{
	return !syscall(SYS_mlock2, some_page(w), some_len(w), below(&w->random, 2));
}

static bool op_munlock(struct worker *w)
{
	return !syscall(SYS_munlock, some_page(w), some_len(w));
}

static bool op_mlockall(struct worker *w)
{
	return !syscall(SYS_mlockall, below(&w->random, 8));
}

static bool op_munlockall(struct worker *w)
{
	(void)w;
	return !syscall(SYS_munlockall);
}

static bool op_mmap(struct worker *w)
{
	static const int extra[] = { 0, 0, MAP_LOCKED, MAP_POPULATE, MAP_LOCKED | MAP_POPULATE };
	static const int prot[] = { RW, RW, RW, PROT_NONE, PROT_READ };
	int flags = MAP_ANONYMOUS | MAP_FIXED | extra[below(&w->random, 5)];

	size_t len = one_in(&w->random, 4) ? ARENA_PAGES / 8 * PG : some_len(w);

	flags |= one_in(&w->random, 4) ? MAP_SHARED : MAP_PRIVATE;
	return mmap(some_place(w), len, prot[below(&w->random, 5)], flags, -1, 0) != MAP_FAILED;
}

/* Where the kernel likes. */
static bool op_mmap_anywhere(struct worker *w)
{
	size_t len = some_len(w);
	void *p = mmap(NULL, len, RW, ANON | (one_in(&w->random, 2) ? MAP_LOCKED : 0), -1, 0);

	if (p == MAP_FAILED)
		return false;
	return !munmap(p, len);
}

static bool op_mmap_bad(struct worker *w)
{
	int flags = MAP_PRIVATE | MAP_LOCKED | MAP_FIXED;

	return mmap(some_place(w), PG, RW, flags, 99, 0) != MAP_FAILED;
}

static bool op_huge(struct worker *w)
{
	void *at = (void *)HUGE_ARENA;

	if (one_in(&w->random, 3))
		return !munmap(at, HUGE);
	if (one_in(&w->random, 3))
		return !syscall(SYS_mlock, HUGE_ARENA, HUGE);
	return mmap(at, HUGE, RW,
		    ANON | MAP_FIXED | MAP_HUGETLB | (one_in(&w->random, 2) ? MAP_LOCKED : 0),
		    -1, 0) != MAP_FAILED;
}

static bool op_munmap(struct worker *w)
{
	return !munmap(some_place(w), one_in(&w->random, 20) ? ARENA_PAGES / 2 * PG : some_len(w));
}

static bool op_mremap(struct worker *w)
{
	size_t old = some_len(w), new = some_len(w);
	void *to = some_place(w);
	int flags = 0;

	switch (below(&w->random, 4)) {
	case 0:
		break;
	case 1:
		flags = MREMAP_MAYMOVE;
		break;
	case 2:
		flags = MREMAP_MAYMOVE | MREMAP_FIXED;
		break;
	case 3:
		flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED;
		new = old;
		break;
	}
	to = mremap(some_place(w), old, new, flags, to);
	if (to == MAP_FAILED)
		return false;
	/* What left the arena would never be seen again. */
	if ((uintptr_t)to < ARENA || (uintptr_t)to >= ARENA + ARENA_PAGES * PG)
		munmap(to, new);
	return true;
}

static bool op_brk(struct worker *w)
{
	uintptr_t to = heap + below(&w->random, 40) * PG + below(&w->random, 2) * 100;

	return (uintptr_t)syscall(SYS_brk, to) == to;
}

static bool op_shm(struct worker *w)
{
	int id = shmget(IPC_PRIVATE, some_len(w), IPC_CREAT | 0600);
	bool good;
	void *p;

	if (id < 0)
		return false;
	if (one_in(&w->random, 2))
		good = !shmctl(id, SHM_LOCK, NULL);
	p = one_in(&w->random, 2) ? shmat(id, some_place(w), SHM_REMAP) : shmat(id, NULL, 0);
	good = p != (void *)-1;
	if (one_in(&w->random, 3))
		shmctl(id, SHM_UNLOCK, NULL);
	if (good && (one_in(&w->random, 2) || (uintptr_t)p < ARENA ||
		     (uintptr_t)p >= ARENA + ARENA_PAGES * PG))
		good = !shmdt(p);
	shmctl(id, IPC_RMID, NULL);
	return good;
}

/* Memory is touched by a call, which fails where the program would die. */
static bool touch(uintptr_t at)
{
	return read(zero, (void *)at, 1) == 1;
}

static bool op_stack(struct worker *w)
{
	volatile char here;

	if (w->thread)
		return false;
	return touch((uintptr_t)&here - below(&w->random, 200) * PG);
}

static bool op_grow_down(struct worker *w)
{
	uintptr_t at = GROW_ARENA + w->thread * GROW_ROOM + GROW_ROOM / 2;

	if (one_in(&w->random, 3)) {
		int flags = ANON | MAP_FIXED | MAP_GROWSDOWN |
			    (one_in(&w->random, 2) ? MAP_LOCKED : 0);

		munmap((void *)(at - 64 * PG), 65 * PG);
		return mmap((void *)at, PG, RW, flags, -1, 0) != MAP_FAILED;
	}
	if (one_in(&w->random, 4))
		return !syscall(SYS_mlock2, at, PG, 0);
	return touch(at - below(&w->random, 32) * PG);
}

static bool op_limit(struct worker *w)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		die("getrlimit");
	limit.rlim_cur = below(&w->random, kinds[kind].limit_kb + 1) << 10;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return !setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* No call that is watched: what it locks is found later. */
static bool op_unseen(struct worker *w)
{
	void *at = some_place(w);

	if (mmap(at, 4 * PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	syscall(SYS_munlock, at, 4 * PG);
	return !syscall(SYS_remap_file_pages, at, 3 * PG, 0, 0, 0);
}

static void some_operations(struct worker *w, int count);

static bool op_fork(struct worker *w)
{
	struct worker child = { .random.state = next(&w->random) | 1 };
	int status, pid;

	if (children)
		return false;
	pid = fork();
	if (pid < 0)
		return false;
	if (!pid) {
		children++;
		markers = 0;
		tell_solo();
		some_operations(&child, below(&child.random, 12));
		make_marker();
		if (one_in(&child.random, 3))
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid &&
	       (!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

/* A child with this memory: neither its end nor its exec gives anything back. */
static bool op_vfork(struct worker *w)
{
	bool executes = one_in(&w->random, 2);
	int status, pid = vfork();

	if (!pid) {
		if (executes)
			execl("/bin/true", "true", NULL);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static bool op_spawn(struct worker *w)
{
	char name[] = "true", *words[] = { name, NULL };
	int status, pid;

	(void)w;
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, words, words + 1))
		return false;
	return waitpid(pid, &status, 0) == pid && !status;
}

static bool op_exec(struct worker *w)
{
	char state[32], left[16], number[16], mark[16], deep[16];

	if (kinds[kind].threads > 1 && !children)
		return false;
	snprintf(number, sizeof(number), "%d", kind);
	snprintf(state, sizeof(state), "%llu", (unsigned long long)next(&w->random) | 1);
	snprintf(left, sizeof(left), "%d", w->left);
	snprintf(mark, sizeof(mark), "%u", markers);
	snprintf(deep, sizeof(deep), "%d", children);
	make_marker();
	snprintf(mark, sizeof(mark), "%u", markers);
	execl(program, "ledger", "--executed", number, state, left, mark, deep, NULL);
	return false;
}

#define OP(name, often)	{ #name, op_##name, often }

static const struct operation {
	const char *name;
	bool (*run)(struct worker *w);
	unsigned int often;
} operations[] = {
	OP(mlock, 16), OP(mlock2, 16), OP(munlock, 12), OP(mlockall, 6), OP(munlockall, 2),
	OP(mmap, 20), OP(mmap_anywhere, 6), OP(mmap_bad, 1), OP(huge, 2), OP(munmap, 10),
	OP(mremap, 16), OP(brk, 8), OP(shm, 8), OP(stack, 3), OP(grow_down, 6), OP(limit, 2),
	OP(unseen, 2), OP(fork, 3), OP(vfork, 2), OP(spawn, 1), OP(exec, 1),
};

#define NR_OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

static size_t choose(struct worker *w)
{
	unsigned int sum = 0;
	unsigned long at;
	size_t i;

	for (i = 0; i < NR_OPERATIONS; i++)
		sum += operations[i].often;
	at = below(&w->random, sum);
	for (i = 0; at >= operations[i].often; i++)
		at -= operations[i].often;
	return i;
}

static void some_operations(struct worker *w, int count)
{
	while (count-- > 0 && (children || w->left > 0)) {
		size_t i = choose(w);

		w->left--;
		__atomic_fetch_add(&tally[i].done, 1, __ATOMIC_RELAXED);
		if (operations[i].run == op_exec)
			__atomic_fetch_add(&tally[i].good, 1, __ATOMIC_RELAXED);
		if (operations[i].run(w))
			__atomic_fetch_add(&tally[i].good, 1, __ATOMIC_RELAXED);
		else if (operations[i].run == op_exec)
			__atomic_fetch_sub(&tally[i].good, 1, __ATOMIC_RELAXED);
	}
}

/* ---- processes and threads ------------------------------------------------------------ */

static void *work(void *arg)
{
	struct worker *w = arg;

	while (w->left > 0) {
		some_operations(w, 10);
		pthread_barrier_wait(&quiet);
		if (!w->thread)
			make_marker();
		pthread_barrier_wait(&quiet);
	}
	return NULL;
}

static void prepare(void)
{
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	tally = mmap(NULL, sizeof(*tally) * NR_OPERATIONS, RW, MAP_SHARED, TALLY_FD, 0);
	if (zero < 0 || tally == MAP_FAILED)
		die("prepare");
}

static void run_alone(struct worker *w)
{
	heap = ((uintptr_t)sbrk(0) + PG - 1) & -PG;
	while (w->left > 0) {
		some_operations(w, 1 + below(&w->random, 10));
		make_marker();
	}
}

static void run_threads(struct worker *first)
{
	struct worker w[MAX_THREADS];
	int threads = kinds[kind].threads, i;
	pthread_attr_t attr;

	pthread_barrier_init(&quiet, NULL, threads);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	heap = ((uintptr_t)sbrk(0) + 64 * PG) & -PG;
	for (i = 0; i < threads; i++) {
		w[i] = (struct worker){ { next(&first->random) | 1 }, i, first->left / threads, 0 };
		if (i && pthread_create(&w[i].pthread, &attr, work, &w[i]))
			die("pthread_create");
	}
	work(&w[0]);
	for (i = 1; i < threads; i++)
		pthread_join(w[i].pthread, NULL);
	make_marker();
}

/* The one that locked is gone when its process ends: somebody must give it back. */
static void *lock_and_leave(void *arg)
{
	if (syscall(SYS_mlock2, ARENA, 4 * PG, 1))
		die("lock_and_leave");
	return arg;
}

static void leave_to_others(bool executes)
{
	pthread_t thread;

	if (mmap((void *)ARENA, 8 * PG, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED ||
	    pthread_create(&thread, NULL, lock_and_leave, NULL))
		die("leave_to_others");
	pthread_join(thread, NULL);
	if (executes)
		execl("/bin/true", "true", NULL);
	_exit(executes);
}

static void become(int number)
{
	struct rlimit limit = { kinds[number].limit_kb << 10, kinds[number].limit_kb << 10 };

	kind = number;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		die("setrlimit");
	if (kinds[number].uid && setresuid(SOMEBODY, SOMEBODY, SOMEBODY))
		die("setresuid");
}

static void run_kind(int number, uint64_t seed, int count)
{
	struct worker w = { .random.state = (seed * 1000 + number) * 2 + 1, .left = count };

	below(&w.random, 2);
	become(number);
	if (kinds[number].threads > 1) {
		run_threads(&w);
	} else {
		tell_solo();
		run_alone(&w);
	}
	/* Half of them end with their memory locked, as they are. */
	if (one_in(&w.random, 2))
		syscall(SYS_munlockall);
	_exit(0);
}

static int run_executed(char **argv)
{
	struct worker w = { .random.state = strtoull(argv[1], NULL, 10), .left = atoi(argv[2]) };

	kind = atoi(argv[0]);
	markers = strtoul(argv[3], NULL, 10);
	children = atoi(argv[4]);
	out = TALLY_FD + 1;
	prepare();
	make_marker();
	if (!children)
		run_alone(&w);
	heap = ((uintptr_t)sbrk(0) + PG - 1) & -PG;
	if (children)
		some_operations(&w, 5);
	make_marker();
	return 0;
}

/* ---- main ----------------------------------------------------------------------------- */

static void report(unsigned long long seed)
{
	size_t i;

	printf("seed %llu:", seed);
	for (i = 0; i < NR_OPERATIONS; i++)
		printf(" %s=%lu/%lu", operations[i].name, tally[i].good, tally[i].done);
	putchar('\n');
}

static void open_files(const char *file)
{
	int fd = memfd_create("tally", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*tally) * NR_OPERATIONS) || dup2(fd, TALLY_FD) < 0)
		die("memfd");
	close(fd);
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || dup2(fd, TALLY_FD + 1) < 0)
		die(file);
	close(fd);
	out = TALLY_FD + 1;
}

static int run_all(uint64_t seed, int count)
{
	int status, failed = 0, i;

	for (i = 0; i < NR_KINDS; i++) {
		if (!fork())
			run_kind(i, seed, count / NR_KINDS);
	}
	for (i = 0; i < 2; i++) {
		if (!fork())
			leave_to_others(i);
	}
	while (wait(&status) > 0)
		failed |= status && !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_KILLED);
	return failed;
}

int main(int argc, char **argv)
{
	static char path[4096];
	uint64_t seed = 1;
	int count = 10000, option, failed;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) <= 0)
		die("/proc/self/exe");
	program = path;
	if (argc == 7 && !strcmp(argv[1], "--executed"))
		return run_executed(argv + 2);
	while ((option = getopt(argc, argv, "s:n:")) != -1) {
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			count = atoi(optarg);
		else
			return 2;
	}
	if (optind != argc - 1 || count < 1)
		return 2;
	open_files(argv[optind]);
	prepare();
	failed = run_all(seed, count);
	report(seed);
	return failed;
}
