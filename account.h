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

static inline void mlmon_totals_add(struct mlmon_totals *totals, const struct mlock2mon_record *rec)
{
	totals->calls++;
	totals->bytes += rec->len;
	totals->total_ns += rec->dur_ns;
	totals->max_ns = max(totals->max_ns, rec->dur_ns);
	totals->last_ns = rec->ts_ns;
	if (!totals->first_ns)
		totals->first_ns = rec->ts_ns;
	if (rec->ret < 0) {
		totals->failures++;
		totals->error = -rec->ret;
	}
}

/* A call has returned; @rec tells all of it. */
static inline void mlmon_account_leave(struct mlmon_account *account,
				       const struct mlock2mon_record *rec)
{
	unsigned int call = min_t(unsigned int, rec->call, MLMON_TOTALS_RELATED);

	raw_write_seqcount_begin(&account->seq);
	account->flight.ts_ns = 0;
	account->cgroup = rec->cgroup;
	account->peak = max(account->peak, rec->locked);
	if (rec->ret < 0)
		account->error = -rec->ret;
	else if (rec->attr & MLOCK2MON_ATTR_ONFAULT)
		account->onfault = true;
	mlmon_totals_add(&account->call[call], rec);
	raw_write_seqcount_end(&account->seq);
}

#endif /* MLMON_ACCOUNT_H */
