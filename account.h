/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a task writes to its own account, on every call. Nobody else writes
 * there, and preemption is disabled, so that readers need not wait for long.
 */
#ifndef MLMON_ACCOUNT_H
#define MLMON_ACCOUNT_H

#include <linux/minmax.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include "caller.h"
#include "internal.h"

/* A call went into the kernel. */
static inline void mlmon_account_enter(struct mlmon_account *account,
				       const struct mlmon_flight *flight)
{
	raw_write_seqcount_begin(&account->seq);
	account->flight = *flight;
	/* A call that hangs is shown under the name and user it was made by. */
	account->uid = mlmon_caller_uid();
	memcpy(account->comm, current->comm, sizeof(account->comm));
	raw_write_seqcount_end(&account->seq);
}

/* A call has returned, and is not worth more. */
static inline void mlmon_account_land(struct mlmon_account *account)
{
	raw_write_seqcount_begin(&account->seq);
	account->flight.ts_ns = 0;
	raw_write_seqcount_end(&account->seq);
}

static __always_inline void mlmon_totals_add(struct mlmon_totals *totals,
					     const struct mlmon_flight *flight,
					     const struct mlmon_result *result)
{
	totals->calls++;
	totals->bytes += flight->len;
	totals->total_ns += result->dur_ns;
	totals->max_ns = max(totals->max_ns, result->dur_ns);
	totals->last_ns = flight->ts_ns;
	if (!totals->first_ns)
		totals->first_ns = flight->ts_ns;
	if (result->ret < 0) {
		totals->failures++;
		totals->error = -result->ret;
	}
}

/* A call has returned. */
static __always_inline void mlmon_account_leave(struct mlmon_account *account,
						const struct mlmon_pending *pending, bool related,
						const struct mlmon_result *result)
{
	unsigned int call = related ? MLMON_TOTALS_RELATED : pending->flight.call;
	u64 locked = result->change.after << PAGE_SHIFT;

	raw_write_seqcount_begin(&account->seq);
	account->flight.ts_ns = 0;
	account->cgroup = result->cgroup;
	account->peak = max(account->peak, locked);
	if (result->ret < 0)
		account->error = -result->ret;
	else if (result->attr & MLOCK2MON_ATTR_ONFAULT)
		account->onfault = true;
	mlmon_totals_add(&account->call[call], &pending->flight, result);
	raw_write_seqcount_end(&account->seq);
}

#endif /* MLMON_ACCOUNT_H */
