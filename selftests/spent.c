// SPDX-License-Identifier: GPL-2.0
/*
 * spent: run a command and tell what it and all it waited for spent.
 *
 *	spent FILE COMMAND [ARGUMENT ...]
 *
 * Writes to FILE, when it is over, nanoseconds of processor time. In a guest under --icount
 * one is an instruction. What a command sleeps is not in it. Ends with the command's status.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promise.h"

static long long ns(struct timeval t)
{
	return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	FILE *file;
	pid_t pid;
	int status;

	if (argc < 3)
		return 2;
	pid = fork();
	need(pid != -1, "fork");
	if (!pid) {
		execvp(argv[2], argv + 2);
		need(false, argv[2]);
	}
	need(waitpid(pid, &status, 0) == pid, "wait");
	need(!getrusage(RUSAGE_CHILDREN, &usage), "ask what was spent");
	file = fopen(argv[1], "w");
	need(file, argv[1]);
	fprintf(file, "%lld\n", ns(usage.ru_utime) + ns(usage.ru_stime));
	need(!fclose(file), argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
