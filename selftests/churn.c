// SPDX-License-Identifier: GPL-2.0
/*
 * churn: everything that comes and goes while the module does.
 *
 *	churn load [SECONDS]
 *	churn tasks SECONDS
 *	churn burst TASKS
 *	churn live TASKS
 *
 * load: two processes that call without pause, one that forks short-lived
 * callers, two that open, read and close the device and the files of /proc;
 * until SIGTERM or SECONDS are over.
 * tasks: short-lived callers only, as many as possible; prints how many.
 * burst: TASKS callers one after the other, each makes one call and dies.
 * live: TASKS callers make a call each; prints `live TASKS`, and they all stay
 * until stdin ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "promise.h"

#define PAGE		4096UL
#define PAGES		16
#define AT_ONCE		64

static volatile sig_atomic_t stop;
static char *memory;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void call_family(unsigned int round)
{
	char *at = memory + round % PAGES * PAGE;

	syscall(SYS_mlock2, at, PAGE, round & 1);
	syscall(SYS_mlock, at, 2 * PAGE);
	syscall(SYS_munlock, at, PAGE);
	if (round % 64 == 0) {
		syscall(SYS_mlockall, MCL_CURRENT | MCL_ONFAULT);
		syscall(SYS_munlockall);
	}
	syscall(SYS_mlock2, at, PAGE, 0x10);
}

static void call_for_ever(void)
{
	unsigned int round;

	for (round = 0; !stop; round++)
		call_family(round);
}

static void call_briefly(void)
{
	syscall(SYS_mlock2, memory, PAGE, 0);
	_exit(0);
}

static void fork_for_ever(void)
{
	pid_t pid;

	while (!stop) {
		pid = fork();
		if (!pid)
			call_briefly();
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void read_some(const char *file)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK);
	char buf[4096];
	int i;

	if (fd == -1)
		return;
	for (i = 0; i < 4 && read(fd, buf, sizeof(buf)) > 0; i++)
		;
	close(fd);
}

static void read_for_ever(void)
{
	while (!stop) {
		read_some(MLOCK2MON_DEVICE);
		usleep(5000);
		read_some(MLOCK2MON_PROC "/tasks");
		read_some(MLOCK2MON_PROC "/latency");
		read_some(MLOCK2MON_PROC "/inflight");
		usleep(5000);
	}
}

/* Reading stats runs a function that is probed: so where the calls are made. */
static void read_stats_for_ever(void)
{
	while (!stop) {
		read_some(MLOCK2MON_PROC "/stats");
		usleep(10000);
	}
}

static void spawn(void (*work)(void))
{
	pid_t pid = fork();

	need(pid != -1, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	work();
	_exit(0);
}

/* Not on the processor that the others are kept on. */
static void read_apart(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	read_for_ever();
}

static void load(void)
{
	spawn(call_for_ever);
	spawn(call_for_ever);
	spawn(fork_for_ever);
	spawn(read_stats_for_ever);
	spawn(read_apart);
	while (!stop)
		sleep(1);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
}

static void tasks(void)
{
	unsigned long made = 0;
	int alive = 0;
	pid_t pid;

	while (!stop) {
		pid = fork();
		if (!pid)
			call_briefly();
		if (pid > 0) {
			made++;
			alive++;
		}
		while (alive && waitpid(-1, NULL, alive < AT_ONCE ? WNOHANG : 0) > 0)
			alive--;
	}
	while (wait(NULL) > 0)
		;
	printf("%lu\n", made);
}

static void burst(int count)
{
	pid_t pid;

	while (count--) {
		pid = fork();
		need(pid != -1, "fork");
		if (!pid)
			call_briefly();
		waitpid(pid, NULL, 0);
	}
}

static void live_child(int ready, int end)
{
	char c = 0;

	syscall(SYS_mlock2, memory, PAGE, 0);
	need(write(ready, &c, 1) == 1, "tell the parent");
	need(read(end, &c, 1) == 0, "wait for the parent");
	_exit(0);
}

static void live(int count)
{
	int ready[2];
	int end[2];
	int i;
	char c;

	need(!pipe(ready) && !pipe(end), "make pipes");
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		need(pid != -1, "fork");
		if (!pid) {
			close(end[1]);
			live_child(ready[1], end[0]);
		}
	}
	for (i = 0; i < count; i++)
		need(read(ready[0], &c, 1) == 1, "wait for a child");
	printf("live %d\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1)
		;
	close(end[1]);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	const char *what = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(memory != MAP_FAILED, "map memory");

	if (!strcmp(what, "load")) {
		need(!setpgid(0, 0), "make a process group");
		alarm(number);
		load();
	} else if (!strcmp(what, "tasks") && number) {
		alarm(number);
		tasks();
	} else if (!strcmp(what, "burst") && number) {
		burst(number);
	} else if (!strcmp(what, "live") && number) {
		live(number);
	} else {
		return 2;
	}
	return 0;
}
