// SPDX-License-Identifier: GPL-2.0
/*
 * stall: for how long did the machine stand still? A guest does, when its host gives its
 * processors to somebody else.
 *
 * On each processor a thread that comes before all others sleeps for a moment, again and
 * again; what it sleeps longer is added up for each half second. Says a line when it has
 * begun; when it is given one, or its input ends, it prints the most that a processor was
 * away in a half second, in microseconds, and ends.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "promise.h"

#define MAX_CPUS	64
#define STEP_NS		2000000L	/* a sleep */
#define USUAL_NS	2000000UL	/* lateness that says nothing */
#define WINDOW_NS	500000000UL

static volatile bool stop;

struct sleeper {
	pthread_t	thread;
	int		cpu;
	unsigned long	worst_ns;
};

static unsigned long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void *sleep_on(void *arg)
{
	struct timespec step = { 0, STEP_NS };
	unsigned long before, late, away = 0, window = 0;
	struct sleeper *s = arg;

	while (!stop) {
		before = now_ns();
		nanosleep(&step, NULL);
		late = now_ns() - before - STEP_NS;
		if (before / WINDOW_NS != window)
			away = 0;
		window = before / WINDOW_NS;
		if (late > USUAL_NS)
			away += late;
		if (away > s->worst_ns)
			s->worst_ns = away;
	}
	return NULL;
}

static void start(struct sleeper *s, int cpu)
{
	struct sched_param param = { .sched_priority = 50 };
	pthread_attr_t attr;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	errno = pthread_create(&s->thread, &attr, sleep_on, s);
	need(!errno, "start a thread");
}

int main(void)
{
	int i, cpus = sysconf(_SC_NPROCESSORS_ONLN);
	static struct sleeper sleepers[MAX_CPUS];
	unsigned long worst = 0;
	char byte;

	need(cpus <= MAX_CPUS, "watch so many processors");
	for (i = 0; i < cpus; i++)
		start(&sleepers[i], i);
	printf("watching\n");
	fflush(stdout);
	need(read(STDIN_FILENO, &byte, 1) != -1, "wait for a line");
	stop = true;
	for (i = 0; i < cpus; i++) {
		pthread_join(sleepers[i].thread, NULL);
		if (sleepers[i].worst_ns > worst)
			worst = sleepers[i].worst_ns;
	}
	printf("%lu\n", worst / 1000);
	return 0;
}
