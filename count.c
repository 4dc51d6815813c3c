// SPDX-License-Identifier: GPL-2.0
/*
 * Totals of the machine: per-CPU counters of every call, and what became of
 * every probe at load.
 *
 * Ordering, by label:
 *   probe:A / show_probes:A   a state is complete before it is counted
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/string.h>
#include "internal.h"

struct mlmon_counts __percpu *mlmon_counts;
struct mlmon_probe_state mlmon_probe_states[MLMON_NR_STATES];
unsigned int mlmon_nr_probe_states;

/**
 * mlmon_count_init() - allocate the counters, all zero
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_count_init(void)
{
	mlmon_counts = alloc_percpu(struct mlmon_counts);
	return mlmon_counts ? 0 : -ENOMEM;
}

/**
 * mlmon_count_exit() - free the counters
 *
 * Context: process, may sleep; no handler may run any more.
 */
void mlmon_count_exit(void)
{
	free_percpu(mlmon_counts);
}

/* All members are u64, so that a sum is a loop. */
static void add_counts(struct mlmon_call_counts *sum, const struct mlmon_call_counts *one)
{
	const u64 *from = (const u64 *)one;
	u64 *to = (u64 *)sum;
	size_t i;

	BUILD_BUG_ON(sizeof(*sum) % sizeof(u64));
	for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
		to[i] += READ_ONCE(from[i]);
}

/**
 * mlmon_count_sum() - add up the counters of one call
 * @call: which
 * @sum: the result; exact when no such call is being entered or left
 *
 * Context: any.
 */
void mlmon_count_sum(enum mlock2mon_call call, struct mlmon_call_counts *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
		add_counts(sum, &per_cpu_ptr(mlmon_counts, cpu)->call[call]);
}

/**
 * mlmon_count_bucket() - add up one bucket of the latency histogram of a call
 * @call: which
 * @bucket: which, below MLMON_NR_BUCKETS
 *
 * Context: any.
 * Return: the number of calls in it.
 */
u64 mlmon_count_bucket(enum mlock2mon_call call, unsigned int bucket)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(mlmon_counts, cpu)->call[call].bucket[bucket]);
	return sum;
}

/**
 * mlmon_count_collapsed() - returns that share the record of a series
 *
 * Context: any.
 * Return: the number.
 */
u64 mlmon_count_collapsed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(mlmon_counts, cpu)->collapsed);
	return sum;
}

/**
 * mlmon_count_in_flight() - calls inside the kernel whose return will be seen
 * @sum: from mlmon_count_sum()
 *
 * Context: any.
 * Return: the number; 0 if the sum was taken in an unlucky moment.
 */
u64 mlmon_count_in_flight(const struct mlmon_call_counts *sum)
{
	u64 gone = sum->returns + sum->abandoned;

	return sum->armed > gone ? sum->armed - gone : 0;
}

/**
 * mlmon_count_missed() - calls whose return was not and will not be seen
 * @sum: from mlmon_count_sum()
 *
 * Context: any.
 * Return: the number; 0 if the sum was taken in an unlucky moment.
 */
u64 mlmon_count_missed(const struct mlmon_call_counts *sum)
{
	u64 seen = sum->armed - sum->abandoned;

	return sum->entries > seen ? sum->entries - seen : 0;
}

/**
 * mlmon_count_probe() - note what became of a probe
 * @name: of the probe, as shown
 * @error: 0 or -errno
 *
 * Context: process; at load, before anything is shown.
 */
void mlmon_count_probe(const char *name, int error)
{
	struct mlmon_probe_state *state;

	if (WARN_ON_ONCE(mlmon_nr_probe_states >= MLMON_NR_STATES))
		return;
	state = &mlmon_probe_states[mlmon_nr_probe_states];
	strscpy(state->name, name, sizeof(state->name));
	state->error = error;
	smp_store_release(&mlmon_nr_probe_states,	/* probe:A, pairs with show_probes:A */
			  mlmon_nr_probe_states + 1);
}
