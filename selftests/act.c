// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * act: do what the arguments say, one after the other.
 *
 *	map PAGES		have an area of so many pages, and nothing behind it
 *	lock FIRST PAGES	lock pages of it; also onfault, unlock
 *	over COUNT FIRST PAGES	try to lock them so often, each time over the limit
 *	bad COUNT FLAGS		call mlock2 so often with unknown flags
 *	hole COUNT ADDR		unlock what is not mapped, so often
 *	all FLAGS		mlockall; allbad FLAGS if it is to fail; none: munlockall
 *	user, limit KB|none, nocap, name NAME
 *	hexname BYTES		a name in hexadecimal
 *	thread ... end		a thread does this, and is waited for
 *	threads N ... end	so many threads at once
 *	fork ... end		likewise a process
 *	repeat N ... end	so many processes, one after the other
 *	leave N			so many threads make a call, and end with their process
 *				at one moment, each by itself
 *	vfork			a process with the same memory locks its first page, and ends
 *	borrow			one that makes no call
 *	orphan PAGES		lock them; another process with the same memory gives half
 *				of them back, and both are killed meanwhile
 *	brink			lock the end of the stack, and leave the kernel something to
 *				read below it when the memory is left
 *	say WORD, now, ids	print a word, the time of CLOCK_BOOTTIME, getpid and gettid
 *	read			wait for a line, or the end, of standard input
 *	pause MS, kill, exit
 *	spin SECONDS		stay on the processor so long
 *	hold			stay inside mlock2 until killed; prints `inside`
 *	exec ...		become a new act that does the rest; comm is `act`
 *
 * A call that does not end as the word says ends the program with status 2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PG		4096UL
#define ARENA		0x40000000UL
#define SOMEBODY	1000
#define MAX_THREADS	64

static char **run(char **word);

__attribute__((noreturn))
static void die(const char *what)
{
	fprintf(stderr, "act: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void must(bool good, const char *what)
{
	if (!good)
		die(what);
}

static unsigned long number(const char *word)
{
	must(word, "a number is missing");
	return strtoul(word, NULL, 0);
}

static long mlock2_(unsigned long addr, unsigned long len, unsigned long flags)
{
	return syscall(SYS_mlock2, addr, len, flags);
}

/* ---- words about memory --------------------------------------------------------------- */

static char **word_map(char **arg)
{
	void *at = (void *)ARENA;

	must(mmap(at, number(arg[0]) * PG, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "map");
	return arg + 1;
}

static char **word_lock(char **arg)
{
	must(!mlock2_(ARENA + number(arg[0]) * PG, number(arg[1]) * PG, 0), "lock");
	return arg + 2;
}

static char **word_onfault(char **arg)
{
	must(!mlock2_(ARENA + number(arg[0]) * PG, number(arg[1]) * PG, 1), "onfault");
	return arg + 2;
}

static char **word_unlock(char **arg)
{
	must(!syscall(SYS_munlock, ARENA + number(arg[0]) * PG, number(arg[1]) * PG), "unlock");
	return arg + 2;
}

static char **word_over(char **arg)
{
	unsigned long n;

	for (n = number(arg[0]); n; n--)
		must(mlock2_(ARENA + number(arg[1]) * PG, number(arg[2]) * PG, 0) &&
		     (errno == ENOMEM || errno == EPERM), "over");
	return arg + 3;
}

static char **word_bad(char **arg)
{
	unsigned long n, flags = number(arg[1]);

	for (n = number(arg[0]); n; n--)
		must(mlock2_(ARENA, PG, flags) && errno == EINVAL, "bad");
	return arg + 2;
}

static char **word_hole(char **arg)
{
	unsigned long n, addr = number(arg[1]);

	for (n = number(arg[0]); n; n--)
		must(syscall(SYS_munlock, addr, PG) && errno == ENOMEM, "hole");
	return arg + 2;
}

static char **word_all(char **arg)
{
	must(!syscall(SYS_mlockall, number(arg[0])), "all");
	return arg + 1;
}

static char **word_allbad(char **arg)
{
	must(syscall(SYS_mlockall, number(arg[0])), "allbad");
	return arg + 1;
}

static char **word_none(char **arg)
{
	must(!syscall(SYS_munlockall), "none");
	return arg;
}

static void watch_fault(int fd)
{
	struct uffd_msg msg;

	must(read(fd, &msg, sizeof(msg)) == sizeof(msg), "read userfaultfd");
	puts("inside");
	fflush(stdout);
	_exit(0);
}

static char **word_hold(char **arg)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	pid_t watcher;

	reg.range.start = (unsigned long)page;
	reg.range.len = PG;
	must(page != MAP_FAILED && fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
	     !ioctl(fd, UFFDIO_REGISTER, &reg), "userfaultfd");
	/* Not a thread: of two that are killed, either may be the last to leave. */
	watcher = fork();
	must(watcher >= 0, "fork");
	if (!watcher)
		watch_fault(fd);
	mlock2_((unsigned long)page, PG, 0);
	die("hold");
	return arg;
}

/* ---- words about the task ------------------------------------------------------------- */

static char **word_user(char **arg)
{
	must(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY) &&
	     !setresuid(SOMEBODY, SOMEBODY, SOMEBODY), "user");
	return arg;
}

static char **word_limit(char **arg)
{
	struct rlimit limit;

	must(arg[0], "limit");
	limit.rlim_cur = !strcmp(arg[0], "none") ? RLIM_INFINITY : number(arg[0]) << 10;
	limit.rlim_max = limit.rlim_cur;
	must(!setrlimit(RLIMIT_MEMLOCK, &limit), "limit");
	return arg + 1;
}

static char **word_nocap(char **arg)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	must(!syscall(SYS_capget, &header, data), "capget");
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	must(!syscall(SYS_capset, &header, data), "capset");
	return arg;
}

static char **word_name(char **arg)
{
	must(arg[0] && !prctl(PR_SET_NAME, arg[0]), "name");
	return arg + 1;
}

static char **word_hexname(char **arg)
{
	char name[16] = "";
	unsigned int byte;
	int i;

	for (i = 0; i < 15 && sscanf(arg[0] + 2 * i, "%2x", &byte) == 1; i++)
		name[i] = byte;
	must(!prctl(PR_SET_NAME, name), "hexname");
	return arg + 1;
}

static char **word_say(char **arg)
{
	puts(arg[0]);
	fflush(stdout);
	return arg + 1;
}

static char **word_now(char **arg)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("now %llu\n", now.tv_sec * 1000000000ULL + now.tv_nsec);
	fflush(stdout);
	return arg;
}

static char **word_ids(char **arg)
{
	printf("ids %d %d\n", getpid(), (int)syscall(SYS_gettid));
	fflush(stdout);
	return arg;
}

static char **word_read(char **arg)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
	return arg;
}

static char **word_pause(char **arg)
{
	usleep(number(arg[0]) * 1000);
	return arg + 1;
}

static char **word_spin(char **arg)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec - start.tv_sec < (long)number(arg[0]));
	return arg + 1;
}

static char **word_kill(char **arg)
{
	kill(getpid(), SIGKILL);
	return arg;
}

static char **word_exit(char **arg)
{
	(void)arg;
	fflush(stdout);
	_exit(0);
}

/* ---- words about others --------------------------------------------------------------- */

static bool begins(const char *word)
{
	return !strcmp(word, "thread") || !strcmp(word, "threads") || !strcmp(word, "fork") ||
	       !strcmp(word, "repeat");
}

static char **skip_to_end(char **word)
{
	int deep = 1;

	for (; *word; word++) {
		if (begins(*word))
			deep++;
		else if (!strcmp(*word, "end") && !--deep)
			return word + 1;
	}
	die("end is missing");
}

static void *run_thread(void *arg)
{
	run(arg);
	return NULL;
}

static char **start_threads(unsigned long count, char **word)
{
	pthread_t thread[MAX_THREADS];
	unsigned long i;

	must(count <= MAX_THREADS, "so many threads");
	for (i = 0; i < count; i++)
		must(!pthread_create(&thread[i], NULL, run_thread, word), "thread");
	for (i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	return skip_to_end(word);
}

static char **word_thread(char **arg)
{
	return start_threads(1, arg);
}

static char **word_threads(char **arg)
{
	return start_threads(number(arg[0]), arg + 1);
}

static char **word_fork(char **arg)
{
	int status, pid = fork();

	must(pid >= 0, "fork");
	if (!pid) {
		run(arg);
		exit(0);
	}
	must(waitpid(pid, &status, 0) == pid, "wait");
	must(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "the child");
	return skip_to_end(arg);
}

static unsigned long awaited;

static void *leave_at_once(void *arg)
{
	if (arg)
		mlock2_(ARENA, PG, 0x10);
	__atomic_fetch_sub(&awaited, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&awaited, __ATOMIC_ACQUIRE))
		;
	syscall(SYS_exit, 0);
	return NULL;
}

static char **word_leave(char **arg)
{
	unsigned long n = number(arg[0]);
	pthread_t thread;

	awaited = n + 1;
	while (n--)
		must(!pthread_create(&thread, NULL, leave_at_once, arg), "thread");
	leave_at_once(NULL);
	return arg + 1;
}

static char **word_repeat(char **arg)
{
	unsigned long n = number(arg[0]);
	char **rest = arg;

	while (n--)
		rest = word_fork(arg + 1);
	return rest;
}

static char **word_vfork(char **arg)
{
	int status, pid = vfork();

	if (!pid) {
		mlock2_(ARENA, PG, 0);
		_exit(0);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "vfork");
	return arg;
}

static char **word_borrow(char **arg)
{
	int status, pid = vfork();

	if (!pid)
		_exit(0);
	must(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "vfork");
	return arg;
}

static volatile int unlocks;

static int unlock_half(void *pages)
{
	unlocks = 1;
	munlock((void *)ARENA, *(unsigned long *)pages / 2 * PG);
	_exit(0);
}

static char **word_orphan(char **arg)
{
	static char stack[16384] __attribute__((aligned(16)));
	static unsigned long pages;
	unsigned long page;
	int pid;

	pages = number(arg[0]);
	must(!mlock2_(ARENA, pages * PG, 0), "lock");
	/* Many areas: a call on all of them takes its time. */
	for (page = 0; page < pages; page += 2)
		must(!mprotect((void *)(ARENA + page * PG), PG, PROT_READ), "mprotect");
	pid = clone(unlock_half, stack + sizeof(stack), CLONE_VM | SIGCHLD, &pages);
	must(pid > 0, "clone");
	while (!unlocks)
		;
	usleep(10000);
	kill(pid, SIGKILL);
	kill(getpid(), SIGKILL);
	return arg + 1;
}

/* Below a stack lies what makes it grow. */
static char **word_brink(char **arg)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start = 0;
	char line[512];

	must(maps, "open maps");
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "[stack]"))
			start = strtoul(line, NULL, 16);
	fclose(maps);
	must(start && !mlock2_(start, PG, 0), "lock the stack");
	must(!syscall(SYS_set_robust_list, start - 8 * PG, 3 * sizeof(long)), "set_robust_list");
	return arg;
}

static char **word_exec(char **arg)
{
	static char path[4096];

	must(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0, "exe");
	arg[-1] = "act";
	execv(path, arg - 1);
	die("exec");
}

static const struct {
	const char *name;
	char **(*run)(char **arg);
} words[] = {
	{ "map", word_map }, { "lock", word_lock }, { "onfault", word_onfault },
	{ "unlock", word_unlock }, { "over", word_over }, { "bad", word_bad },
	{ "hole", word_hole }, { "all", word_all }, { "allbad", word_allbad },
	{ "none", word_none }, { "user", word_user }, { "limit", word_limit },
	{ "nocap", word_nocap }, { "name", word_name }, { "hexname", word_hexname },
	{ "thread", word_thread }, { "threads", word_threads }, { "fork", word_fork },
	{ "vfork", word_vfork }, { "say", word_say }, { "now", word_now }, { "ids", word_ids },
	{ "read", word_read }, { "pause", word_pause }, { "kill", word_kill },
	{ "exit", word_exit }, { "hold", word_hold }, { "exec", word_exec },
	{ "leave", word_leave }, { "repeat", word_repeat },
	{ "borrow", word_borrow }, { "brink", word_brink }, { "spin", word_spin },
	{ "orphan", word_orphan },
};

#define NR_WORDS	(sizeof(words) / sizeof(words[0]))

/* Until `end` or the last word. */
static char **run(char **word)
{
	size_t i;

	while (*word && strcmp(*word, "end")) {
		for (i = 0; i < NR_WORDS && strcmp(words[i].name, *word); i++)
			;
		errno = EINVAL;
		must(i < NR_WORDS, *word);
		word = words[i].run(word + 1);
	}
	return word;
}

int main(int argc, char **argv)
{
	(void)argc;
	run(argv + 1);
	return 0;
}
