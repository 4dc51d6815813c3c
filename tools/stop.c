// SPDX-License-Identifier: GPL-2.0
/* An orderly end: SIGINT, SIGTERM and SIGHUP, and waiting that they end. */
#define _GNU_SOURCE
#include <signal.h>
#include <time.h>

#include "stop.h"

#define NS_PER_S	1000000000

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/*
 * The first signal asks for an orderly end, a second one kills: a write to a
 * pipe nobody empties may never return. Whoever ignores SIGHUP, as nohup has it, goes on.
 */
void stop_on_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND };
	struct sigaction before;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &act, NULL);
}

bool stop_asked(void)
{
	return stop;
}

/*
 * Waits for files, for a signal, or for so long; for ever if @timeout_ns is below 0. The
 * signals are blocked from before the look at @stop until ppoll() sleeps.
 */
void stop_poll(struct pollfd *fds, nfds_t nr, int64_t timeout_ns)
{
	struct timespec ts = { timeout_ns / NS_PER_S, timeout_ns % NS_PER_S };
	sigset_t ours, before;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, &before);
	if (!stop)
		ppoll(fds, nr, timeout_ns < 0 ? NULL : &ts, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
