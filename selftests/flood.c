// SPDX-License-Identifier: GPL-2.0
/*
 * flood: make self-describing calls of the mlock family from several threads.
 *
 *	flood [-t THREADS] [-n CALLS | -s SECONDS] [-u MICROSECONDS]
 *
 * Every thread makes CALLS calls, or calls for SECONDS, with a pause between
 * two calls if -u says so. When all are done, one call with the address
 * PATTERN_MARK tells the readers. The threads leave after that, so that what is
 * recorded of their end comes after the mark. Prints a line a thread with the
 * number of its calls, then the total, the mark not included.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pattern.h"
#include "promise.h"

struct worker {
	pthread_t	thread;
	unsigned int	id;
	unsigned long	calls;
	unsigned long	unexpected;
};

static unsigned long max_calls = PATTERN_MAX_CALLS;
static unsigned int pause_us;
static volatile sig_atomic_t stop;
static pthread_barrier_t done;
static pthread_barrier_t marked;

static void on_alarm(int sig)
{
	(void)sig;
	stop = 1;
}

static long call(const struct pattern *p)
{
	switch (p->call) {
	case PATTERN_MLOCK2:
		return syscall(SYS_mlock2, p->addr, p->len, p->flags);
	case PATTERN_MLOCK:
		return syscall(SYS_mlock, p->addr, p->len);
	default:
		return syscall(SYS_munlock, p->addr, p->len);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pattern p;
	char name[16];

	snprintf(name, sizeof(name), "flood-%u", w->id);
	prctl(PR_SET_NAME, name);
	while (!stop && w->calls < max_calls) {
		p = pattern_make(w->id, w->calls++);
		if (call(&p) != -1 || errno != ENOMEM)
			w->unexpected++;
		if (pause_us)
			usleep(pause_us);
	}
	pthread_barrier_wait(&done);
	pthread_barrier_wait(&marked);
	return NULL;
}

static unsigned long run(struct worker *worker, unsigned int threads)
{
	unsigned long unexpected = 0;
	unsigned long total = 0;
	unsigned int i;

	pthread_barrier_init(&done, NULL, threads + 1);
	pthread_barrier_init(&marked, NULL, threads + 1);
	for (i = 0; i < threads; i++) {
		worker[i].id = i;
		errno = pthread_create(&worker[i].thread, NULL, work, &worker[i]);
		need(!errno, "start a thread");
	}
	pthread_barrier_wait(&done);
	syscall(SYS_mlock2, PATTERN_MARK, 4096UL, 0);
	pthread_barrier_wait(&marked);
	for (i = 0; i < threads; i++) {
		pthread_join(worker[i].thread, NULL);
		printf("thread %u calls %lu\n", i, worker[i].calls);
		total += worker[i].calls;
		unexpected += worker[i].unexpected;
	}
	printf("total %lu\n", total);
	return unexpected;
}

int main(int argc, char **argv)
{
	struct worker worker[PATTERN_MAX_THREADS] = { 0 };
	unsigned int threads = 1;
	int opt;

	signal(SIGALRM, on_alarm);
	while ((opt = getopt(argc, argv, "t:n:s:u:")) != -1) {
		switch (opt) {
		case 't':
			threads = atoi(optarg);
			break;
		case 'n':
			max_calls = strtoul(optarg, NULL, 0);
			break;
		case 's':
			alarm(atoi(optarg));
			break;
		case 'u':
			pause_us = atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (!threads || threads > PATTERN_MAX_THREADS || max_calls > PATTERN_MAX_CALLS)
		return 2;
	return !!run(worker, threads);
}
