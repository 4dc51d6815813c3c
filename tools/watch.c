// SPDX-License-Identifier: GPL-2.0
/*
 * A command is run, and what it and its children lock is gathered.
 *
 * A record is attributed only after all forks that were told before it have been taken
 * in; a fork is told before the child runs, and so before its first call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "facts.h"
#include "libmlock2mon.h"
#include "origin.h"
#include "record.h"
#include "tool.h"
#include "watch.h"

#define BATCH		128
#define NS_PER_S	1000000000ULL

enum { CANNOT_RUN = 126, NOT_FOUND = 127 };

static volatile pid_t forward_to;

static uint64_t now_ns(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* --- the records --- */

static void add_sum(struct watch *w, const struct mlock2mon_record *rec)
{
	struct call_sum *sum;
	uint64_t times = rec->attr & MLOCK2MON_ATTR_REPEAT ? rec->repeat : 1;

	if (rec->call >= MLOCK2MON_NR_CALLS || rec->call == MLOCK2MON_EXIT)
		return;
	sum = &w->call[rec->call];
	sum->calls += times;
	sum->failures += rec->ret < 0 ? times : 0;
	sum->total_ns += rec->dur_ns;
	sum->bytes += rec->len * times;
	if (rec->dur_ns / times > sum->max_ns)
		sum->max_ns = rec->dur_ns / times;
}

/* As long as the process is there: a failure shows it at its most interesting. */
static void look_at(struct story *s, const struct mlock2mon_record *rec)
{
	struct facts facts;

	if (rec->call == MLOCK2MON_EXIT || (s->facts && rec->ret >= 0))
		return;
	if (!facts_read(&facts, "/proc", rec->pid) ||
	    !origin_alive("/proc", rec->pid, rec->leader_start_ns))
		return;
	if (!s->facts)
		s->facts = tool_grow(NULL, sizeof(*s->facts));
	*s->facts = facts;
}

static void take_record(struct watch *w, const struct mlock2mon_record *rec)
{
	struct story *s;

	if (rec->call != MLOCK2MON_LOST && !family_has(&w->family, rec->pid, rec->ppid))
		return;
	s = stories_add(&w->stories, rec);
	if (!s)
		return;
	add_sum(w, rec);
	look_at(s, rec);
}

/*
 * All that there is now. What comes meanwhile is for the next time, or while others call
 * without a pause this would never end. 0, or why it cannot be read: an errno.
 */
static int collect(struct watch *w, struct mlock2mon *device)
{
	struct mlock2mon_record rec[BATCH];
	struct mlock2mon_info info;
	uint64_t seen = 0;
	int got = 1, error = 0;

	if (mlock2mon_get_info(device, &info))
		return errno;
	while (seen + 1 < info.next && got > 0) {
		size_t nr, i;

		for (nr = 0; nr < BATCH && got > 0; nr += got > 0)
			got = mlock2mon_next(device, &rec[nr]);
		if (got < 0)
			error = errno;
		family_update(&w->family);
		for (i = 0; i < nr; i++)
			take_record(w, &rec[i]);
		if (nr)
			seen = rec[nr - 1].seq;
	}
	return error;
}

/* --- the command --- */

static void on_signal(int sig)
{
	if (forward_to > 0)
		kill(forward_to, sig);
}

/* Those of the terminal reach the command by themselves, the others by us. */
static struct {
	int			sig;
	bool			pass;
	struct sigaction	before;
} signals[] = {
	{ .sig = SIGINT },
	{ .sig = SIGQUIT },
	{ .sig = SIGTERM, .pass = true },
	{ .sig = SIGHUP, .pass = true },
};

/* What is ignored, by nohup for one, stays so. */
static void catch_signals(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction act = { .sa_handler = signals[i].pass ? on_signal : SIG_IGN };

		sigaction(signals[i].sig, NULL, &signals[i].before);
		if (signals[i].before.sa_handler != SIG_IGN)
			sigaction(signals[i].sig, &act, NULL);
	}
}

static void release_signals(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i].sig, &signals[i].before, NULL);
}

static void become(char *const *command, int tell)
{
	int error;

	release_signals();
	signal(SIGPIPE, SIG_DFL);
	execvp(command[0], command);
	error = errno;
	_exit(write(tell, &error, sizeof(error)) == sizeof(error) ? NOT_FOUND : CANNOT_RUN);
}

static int cannot_run(const char *name, int error)
{
	fprintf(stderr, "mlock2mon: cannot run %s: %s\n", name, strerror(error));
	return error == ENOENT ? NOT_FOUND : CANNOT_RUN;
}

/* 0, or the status to leave with. */
static int start(struct watch *w)
{
	int tell[2], error = 0;

	if (pipe2(tell, O_CLOEXEC))
		return cannot_run(w->command[0], errno);
	fflush(NULL);
	/* Of the child nothing must be seen before it is known as the first of the family. */
	w->pid = fork();
	if (w->pid < 0)
		error = errno;
	if (!w->pid)
		become(w->command, tell[1]);
	close(tell[1]);
	if (w->pid > 0 && read(tell[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(tell[0]);
	if (!error) {
		forward_to = w->pid;
		family_add(&w->family, w->pid);
		return 0;
	}
	if (w->pid > 0)
		waitpid(w->pid, NULL, 0);
	return cannot_run(w->command[0], error);
}

/* 0, or why not all of it could be read: an errno. */
static int follow(struct watch *w, struct mlock2mon *device)
{
	struct pollfd fds[] = {
		{ .fd = syscall(SYS_pidfd_open, w->pid, 0), .events = POLLIN },
		{ .fd = mlock2mon_fd(device), .events = POLLIN },
		{ .fd = w->family.fd, .events = POLLIN },
	};
	bool ended = false;
	int error = 0;

	while (!ended) {
		if (!error)
			error = collect(w, device);
		else
			fds[1].fd = -1;
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			break;
		family_update(&w->family);
		ended = waitpid(w->pid, &w->status, WNOHANG) == w->pid;
	}
	if (!ended)
		waitpid(w->pid, &w->status, 0);
	forward_to = 0;
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	return error ? error : collect(w, device);
}

static int run(struct watch *w, struct mlock2mon *device)
{
	struct mlock2mon_info info;
	uint64_t begin = now_ns();
	int status, error = 0;

	if (mlock2mon_seek(device, MLOCK2MON_SEEK_NEWEST, 0) ||
	    mlock2mon_set_watermark(device, 0) || mlock2mon_get_info(device, &info)) {
		fprintf(stderr, "mlock2mon: cannot read the device: %s\n", strerror(errno));
		return TOOL_FAILED;
	}
	w->related = info.features & MLOCK2MON_FEATURE_RELATED;
	catch_signals();
	status = start(w);
	if (!status)
		error = follow(w, device);
	if (error)
		fprintf(stderr, "mlock2mon: cannot read the device to the end: %s\n",
			strerror(error));
	release_signals();
	w->took_ns = now_ns() - begin;
	return status;
}

/* 0 if the command was run, else what to leave with: it has been said why. */
int watch_command(struct watch *w, const char *path, char *const *command)
{
	struct mlock2mon *device = mlock2mon_open(path, 0);
	int status;

	*w = (struct watch){ .command = command, .family = { .fd = -1 } };
	if (!device)
		return tool_cannot_open(path, MLOCK2MON_DEVICE);
	family_begin(&w->family);
	status = run(w, device);
	mlock2mon_close(device);
	return status;
}

/* As a shell tells it. */
int watch_exit_status(const struct watch *w)
{
	if (WIFSIGNALED(w->status))
		return 128 + WTERMSIG(w->status);
	return WEXITSTATUS(w->status);
}

void watch_free(struct watch *w)
{
	family_end(&w->family);
	stories_free(&w->stories);
}
