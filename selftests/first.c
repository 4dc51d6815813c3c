// SPDX-License-Identifier: GPL-2.0
/*
 * first: how long a command takes to show the first call that is made.
 *
 *	first TEXT COMMAND
 *
 * In the background a process calls mlock2() every millisecond. COMMAND is run by a shell; from
 * there to the line of its output that has TEXT, in which %d is the id of that process, are so
 * many ticks of the processor's clock as are printed, and then that line. COMMAND and all that
 * it started is ended then. Fails, with what COMMAND wrote, if there is no such line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promise.h"
#include "ticks.h"

#define PAGE		4096UL
#define PERIOD_US	1000
#define ROOM		(1 << 20)

__attribute__((noreturn))
static void call_for_ever(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page != MAP_FAILED, "map memory");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
		usleep(PERIOD_US);
	}
}

static pid_t make_caller(void)
{
	pid_t pid = fork();

	need(pid != -1, "fork");
	if (!pid)
		call_for_ever();
	return pid;
}

/* All that it writes comes through @fd; it leads a group of its own. */
static pid_t start(const char *command, int *fd)
{
	int ends[2];
	pid_t pid;

	need(!pipe2(ends, O_CLOEXEC), "make a pipe");
	pid = fork();
	need(pid != -1, "fork");
	if (!pid) {
		setpgid(0, 0);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ends[1]);
	*fd = ends[0];
	return pid;
}

/* The line with @text, when all of it is there; NULL at the end. */
static char *find_line(int fd, const char *text, char *room, size_t size)
{
	size_t used = 0;
	ssize_t got;
	char *at;

	while (used < size - 1 && (got = read(fd, room + used, size - 1 - used)) > 0) {
		used += got;
		room[used] = '\0';
		at = strstr(room, text);
		if (!at || !strchr(at, '\n'))
			continue;
		*strchr(at, '\n') = '\0';
		while (at > room && at[-1] != '\n')
			at--;
		return at;
	}
	room[used] = '\0';
	return NULL;
}

static void end(pid_t command, pid_t caller)
{
	kill(-command, SIGINT);
	usleep(300000);
	kill(-command, SIGKILL);
	kill(caller, SIGKILL);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	static char room[ROOM];
	unsigned long ticks;
	pid_t caller, command;
	char text[256];
	char *line;
	int fd;

	if (argc != 3)
		return 2;
	caller = make_caller();
	/* The text is ours, from a script: at most one %d. */
	snprintf(text, sizeof(text), argv[1], caller);
	usleep(100000);
	ticks = ticks_now();
	command = start(argv[2], &fd);
	line = find_line(fd, text, room, sizeof(room));
	ticks = ticks_now() - ticks;
	end(command, caller);
	if (!line) {
		fprintf(stderr, "%s", room);
		return 1;
	}
	printf("%lu %s\n", ticks, line);
	return fflush(stdout) ? 2 : 0;
}
