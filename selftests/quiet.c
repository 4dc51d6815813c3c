// SPDX-License-Identifier: GPL-2.0
/*
 * Processes and threads that lock and unlock, and stop together.
 *
 * Usage: quiet random [SEED]
 *        quiet reuse
 *        quiet exec
 *
 * At each stop nothing moves any more. Then this program prints what must stand
 * in /proc/mlock2mon/tasks, a row a task, in any order:
 *
 *	pid tid uid comm cgroup locked_kb onfault calls failures bytes errno
 *	mlock2 mlock munlock mlockall munlockall
 *
 * with CALLS/FAILURES/BYTES/ERRNO or `-` for each call, then a line `quiet`; and
 * goes on when it reads a line. Everything is from its own account of its calls,
 * but for locked_kb: that is VmLck of /proc/PID/status. At the end it prints
 * `end`.
 *
 * random: tasks of several kinds, some of which leave on the way.
 * reuse: a process ends, and another one gets its number.
 * exec: a thread becomes another program, and with that all of its process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PG		4096UL
#define AREA_PAGES	64
#define SOMEBODY	1000
#define ROUNDS		6
#define STEPS		12
#define NEVER		(ROUNDS + 1)

enum call { MLOCK2, MLOCK, MUNLOCK, MLOCKALL, MUNLOCKALL, NR_CALLS };

static const long nrs[] = { SYS_mlock2, SYS_mlock, SYS_munlock, SYS_mlockall, SYS_munlockall };

struct totals {
	unsigned long calls;
	unsigned long failures;
	unsigned long bytes;
	int error;
};

/* What a task says of itself; it alone writes until it stops. */
struct task {
	int pid;
	int tid;
	unsigned int uid;
	char comm[16];
	bool onfault;
	bool gone;
	int error;
	struct totals call[NR_CALLS];
	int stopped;		/* the last stop it came to */
};

#define NR_PROCESSES	5
#define NR_THREADS	3

static const struct {
	unsigned int uid;
	unsigned long limit_pages;
	int threads;
	int leaves;		/* the stop after which the whole process goes */
	int thread_leaves;	/* the stop after which its last thread goes */
	bool all;		/* makes calls on the whole process, too */
} kinds[NR_PROCESSES] = {
	{ 0,		1024,	NR_THREADS,	NEVER,	3,	true },
	{ SOMEBODY,	24,	NR_THREADS,	NEVER,	NEVER,	false },
	{ SOMEBODY,	0,	1,		4,	NEVER,	true },
	{ 0,		16,	1,		NEVER,	NEVER,	false },
	{ SOMEBODY,	40,	2,		5,	1,	false },
};

static struct {
	int go;			/* stops that are over */
	struct task task[NR_PROCESSES][NR_THREADS];
} *shared;

static void die(const char *what)
{
	fprintf(stderr, "quiet: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- one task ------------------------------------------------------------------------- */

struct random {
	uint64_t state;
};

static unsigned long below(struct random *random, unsigned long n)
{
	random->state = random->state * 6364136223846793005 + 1442695040888963407;
	return (random->state >> 33) % n;
}

static void make_call(struct task *task, enum call call, unsigned long addr, unsigned long len,
		      unsigned int flags)
{
	struct totals *totals = &task->call[call];
	bool failed;

	if (call == MLOCKALL)
		failed = syscall(SYS_mlockall, flags);
	else
		failed = syscall(nrs[call], addr, len, flags);
	totals->calls++;
	if (call != MLOCKALL && call != MUNLOCKALL)
		totals->bytes += len;
	if (failed) {
		totals->failures++;
		totals->error = errno;
		task->error = errno;
	} else if ((call == MLOCK2 && flags == MLOCK_ONFAULT) ||
		   (call == MLOCKALL && flags & MCL_ONFAULT)) {
		task->onfault = true;
	}
}

static void make_random_call(struct task *task, struct random *random, char *area, bool all)
{
	unsigned long addr = (unsigned long)area + below(random, AREA_PAGES) * PG;
	unsigned long len = below(random, 12 * PG);
	enum call call = below(random, all ? 24 : 21) / 7;

	if (all && call == MLOCKALL)
		call = below(random, 2) ? MLOCKALL : MUNLOCKALL;
	/* Flags may be wrong, and the end of the area is the end of what is mapped. */
	make_call(task, call, addr, len, below(random, call == MLOCKALL ? 8 : 3));
}

static void introduce(struct task *task, unsigned int uid, const char *comm)
{
	task->pid = getpid();
	task->tid = syscall(SYS_gettid);
	task->uid = uid;
	strcpy(task->comm, comm);
	prctl(PR_SET_NAME, task->comm);
}

static void stop(struct task *task, int round)
{
	__atomic_store_n(&task->stopped, round, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE) < round)
		usleep(10000);
}

/* ---- random --------------------------------------------------------------------------- */

struct worker {
	int process;
	int thread;
	struct random random;
	char *area;
	pthread_t pthread;
};

static bool leaves(int process, int thread, int round)
{
	return round > kinds[process].leaves ||
	       (thread && thread == kinds[process].threads - 1 &&
		round > kinds[process].thread_leaves);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct task *task = &shared->task[worker->process][worker->thread];
	char comm[16];
	int round;

	snprintf(comm, sizeof(comm), "quiet %d\\%d", worker->process, worker->thread);
	introduce(task, kinds[worker->process].uid, comm);
	for (round = 1; round <= ROUNDS; round++) {
		int steps = below(&worker->random, STEPS);

		if (leaves(worker->process, worker->thread, round))
			return NULL;
		while (steps--)
			make_random_call(task, &worker->random, worker->area,
					 kinds[worker->process].all);
		stop(task, round);
	}
	return NULL;
}

static void limit(unsigned long pages)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		die("getrlimit");
	limit.rlim_cur = pages * PG;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		die("setrlimit");
}

static void run_process(int process, uint64_t seed)
{
	struct worker worker[NR_THREADS];
	char *area = mmap(NULL, AREA_PAGES * PG, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	int i;

	if (area == MAP_FAILED || mprotect(area + 40 * PG, 4 * PG, PROT_NONE) ||
	    munmap(area + 50 * PG, 2 * PG))
		die("area");
	limit(kinds[process].limit_pages);
	if (kinds[process].uid && setresuid(SOMEBODY, SOMEBODY, SOMEBODY))
		die("setresuid");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; i < kinds[process].threads; i++) {
		worker[i] = (struct worker){ .process = process, .thread = i, .area = area };
		worker[i].random.state = seed * 1000 + process * NR_THREADS + i;
		below(&worker[i].random, 2);
		if (i && pthread_create(&worker[i].pthread, &attr, work, &worker[i]))
			die("pthread_create");
	}
	work(&worker[0]);
	for (i = 1; i < kinds[process].threads; i++)
		pthread_join(worker[i].pthread, NULL);
	_exit(0);
}

/* ---- the table ------------------------------------------------------------------------ */

static long locked_kb(int pid)
{
	char path[64], text[8192], *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		die(path);
	text[len] = '\0';
	at = strstr(text, "\nVmLck:");
	return at ? atol(at + 7) : -1;
}

static unsigned long long cgroup_id(void)
{
	char line[1024], path[2048];
	struct stat st;
	FILE *file = fopen("/proc/self/cgroup", "r");

	if (!file)
		die("/proc/self/cgroup");
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s", line + 3);
		if (stat(path, &st))
			die(path);
		fclose(file);
		return st.st_ino;
	}
	fclose(file);
	return 0;
}

static const char *error_name(int error)
{
	static const char * const names[] = {
		[0] = "0", [EPERM] = "EPERM", [EINTR] = "EINTR", [EAGAIN] = "EAGAIN",
		[ENOMEM] = "ENOMEM", [EINVAL] = "EINVAL",
	};

	return names[error];
}

static void print_comm(const char *comm)
{
	for (; *comm; comm++) {
		if (*comm == ' ')
			printf("\\x20");
		else if (*comm == '\\')
			printf("\\\\");
		else
			putchar(*comm);
	}
}

static void print_row(const struct task *task)
{
	struct totals sum = { 0 };
	int call;

	for (call = 0; call < NR_CALLS; call++) {
		sum.calls += task->call[call].calls;
		sum.failures += task->call[call].failures;
		sum.bytes += task->call[call].bytes;
	}
	if (!sum.calls)
		return;
	printf("%d %d %u ", task->pid, task->tid, task->uid);
	print_comm(task->comm);
	printf(" %llu %ld %d %lu %lu %lu %s", cgroup_id(), locked_kb(task->pid), task->onfault,
	       sum.calls, sum.failures, sum.bytes, error_name(task->error));
	for (call = 0; call < NR_CALLS; call++) {
		const struct totals *totals = &task->call[call];

		if (totals->calls)
			printf(" %lu/%lu/%lu/%s", totals->calls, totals->failures, totals->bytes,
			       error_name(totals->error));
		else
			printf(" -");
	}
	/* It makes no related call. */
	puts(" -");
}

static void await_line(void)
{
	char line[64];

	puts("quiet");
	if (fflush(stdout))
		die("stdout");
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

/* ---- random: the one who waits for all ------------------------------------------------ */

/* A thread has gone when it has no directory any more, and not when it was joined. */
static void await_thread(const struct task *task)
{
	char path[64];
	int i;

	snprintf(path, sizeof(path), "/proc/%d/task/%d", task->pid, task->tid);
	for (i = 0; i < 10000 && !access(path, F_OK); i++)
		usleep(1000);
}

static void await_stop(int process, int thread, const int *pids, int round)
{
	struct task *task = &shared->task[process][thread];
	int status;

	if (leaves(process, thread, round)) {
		if (!task->gone && !thread && waitpid(pids[process], &status, 0) < 0)
			die("waitpid");
		if (!task->gone)
			await_thread(task);
		task->gone = true;
		return;
	}
	while (__atomic_load_n(&task->stopped, __ATOMIC_ACQUIRE) < round)
		usleep(10000);
}

static void run_random(uint64_t seed)
{
	int pids[NR_PROCESSES];
	int round, process, thread;

	for (process = 0; process < NR_PROCESSES; process++) {
		pids[process] = fork();
		if (!pids[process])
			run_process(process, seed);
	}
	for (round = 1; round <= ROUNDS; round++) {
		for (process = 0; process < NR_PROCESSES; process++)
			for (thread = 0; thread < kinds[process].threads; thread++)
				await_stop(process, thread, pids, round);
		for (process = 0; process < NR_PROCESSES; process++)
			for (thread = 0; thread < kinds[process].threads; thread++)
				if (!shared->task[process][thread].gone)
					print_row(&shared->task[process][thread]);
		await_line();
		__atomic_store_n(&shared->go, round, __ATOMIC_RELEASE);
	}
	while (wait(NULL) > 0)
		;
	await_line();
}

/* ---- reuse ---------------------------------------------------------------------------- */

/* A process that makes some calls and stays until it is killed. */
static int start(struct task *task, int calls, bool first)
{
	int pid = fork();
	char *area;

	if (pid)
		return pid;
	area = mmap(NULL, AREA_PAGES * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	introduce(task, 0, first ? "quiet first" : "quiet second");
	while (calls--)
		make_call(task, calls & 1 ? MLOCK2 : MLOCK, (unsigned long)area, (calls + 1) * PG,
			  calls & 2);
	__atomic_store_n(&task->stopped, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void await_start(const struct task *task)
{
	while (!__atomic_load_n(&task->stopped, __ATOMIC_ACQUIRE))
		usleep(10000);
}

static void end(int pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
}

/* The number that the next process gets is the one after this. */
static void set_last_pid(int pid)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");

	if (!file || fprintf(file, "%d", pid) < 0 || fclose(file))
		die("ns_last_pid");
}

static void run_reuse(void)
{
	struct task *task = &shared->task[0][0];
	int first, second;

	first = start(task, 5, true);
	await_start(task);
	print_row(task);
	await_line();
	end(first);
	set_last_pid(first - 1);
	memset(task, 0, sizeof(*task));
	second = start(task, 2, false);
	if (second != first) {
		end(second);
		errno = EAGAIN;
		die("the number was not given again");
	}
	await_start(task);
	print_row(task);
	await_line();
	end(second);
	await_line();
}

/* ---- exec ----------------------------------------------------------------------------- */

#define SHARED_FD	9

static void call_some(struct task *task, int calls)
{
	char *area = mmap(NULL, AREA_PAGES * PG, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (calls--)
		make_call(task, MLOCK, (unsigned long)area, (calls + 1) * PG, 0);
}

static void *exec_itself(void *arg)
{
	struct task *task = arg;

	introduce(task, 0, "quiet thread");
	call_some(task, 3);
	stop(task, 1);
	execl("/proc/self/exe", "quiet", "executed", NULL);
	die("exec");
	return NULL;
}

/* What the thread has become: all of the process, under the number of its leader. */
static void run_executed(void)
{
	struct task *task = &shared->task[0][1];

	task->tid = task->pid;
	strcpy(task->comm, "exe");
	stop(task, 2);
	call_some(task, 2);
	stop(task, 3);
	_exit(0);
}

static void run_leader(void)
{
	struct task *task = &shared->task[0][0];
	pthread_t thread;

	introduce(task, 0, "quiet leader");
	call_some(task, 2);
	if (pthread_create(&thread, NULL, exec_itself, &shared->task[0][1]))
		die("pthread_create");
	stop(task, 1);
	for (;;)
		pause();
}

static void await_task(const struct task *task, int round)
{
	while (__atomic_load_n(&task->stopped, __ATOMIC_ACQUIRE) < round)
		usleep(10000);
}

static void run_exec(void)
{
	struct task *leader = &shared->task[0][0];
	struct task *thread = &shared->task[0][1];
	int round;

	if (!fork())
		run_leader();
	await_task(leader, 1);
	for (round = 1; round <= 3; round++) {
		await_task(thread, round);
		if (round == 1)
			print_row(leader);
		print_row(thread);
		await_line();
		__atomic_store_n(&shared->go, round, __ATOMIC_RELEASE);
	}
	while (wait(NULL) > 0)
		;
	await_line();
}

/* ---- main ----------------------------------------------------------------------------- */

static void share(bool anew)
{
	if (anew) {
		int fd = memfd_create("quiet", 0);

		if (fd < 0 || ftruncate(fd, sizeof(*shared)) || dup2(fd, SHARED_FD) < 0)
			die("memfd");
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	if (shared == MAP_FAILED)
		die("mmap");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	share(strcmp(mode, "executed"));
	if (!strcmp(mode, "random")) {
		run_random(argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
	} else if (!strcmp(mode, "reuse")) {
		run_reuse();
	} else if (!strcmp(mode, "exec")) {
		run_exec();
	} else if (!strcmp(mode, "executed")) {
		run_executed();
	} else {
		fputs("usage: quiet random [SEED] | reuse | exec\n", stderr);
		return 2;
	}
	puts("end");
	return fflush(stdout) ? 1 : 0;
}
