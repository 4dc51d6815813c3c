/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who current is, as far as records and accounts tell. Preemption is disabled
 * in all of it, which is what RCU wants of its readers.
 */
#ifndef MLMON_CALLER_H
#define MLMON_CALLER_H

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include "internal.h"

static inline u32 mlmon_caller_uid(void)
{
	return __kuid_val(current_uid());
}

/* The id of the cgroup in the unified hierarchy, 0 without cgroups. */
static inline u64 mlmon_caller_cgroup(void)
{
#ifdef CONFIG_CGROUPS
	return cgroup_id(task_dfl_cgroup(current));
#else
	return 0;
#endif
}

/* May current lock as much as it likes? MLOCK2MON_ATTR_CAP, MLOCK2MON_ATTR_CAPNS or 0. */
static inline u16 mlmon_caller_capability(void)
{
	const struct cred *cred = current_cred();

	if (!cap_raised(cred->cap_effective, CAP_IPC_LOCK))
		return 0;
	return cred->user_ns == &init_user_ns ? MLOCK2MON_ATTR_CAP : MLOCK2MON_ATTR_CAPNS;
}

/* What current does not change while it lives, from its account if it has one. */
static inline const struct mlmon_identity *
mlmon_caller_identity(const struct mlmon_account *account)
{
	struct mlmon_identity *stranger;

	if (likely(account))
		return &account->identity;
	stranger = &this_cpu_ptr(mlmon_counts)->stranger;
	mlmon_task_identify(stranger);
	return stranger;
}

/* Writes what a record says of who makes it. @account is current's, or NULL. */
static __always_inline void mlmon_caller_fill(struct mlock2mon_record *rec,
					      const struct mlmon_account *account)
{
	const struct mlmon_identity *identity = mlmon_caller_identity(account);
	const size_t namespaced = sizeof(*identity) - offsetof(struct mlmon_identity, ppid);

	BUILD_BUG_ON(offsetofend(struct mlock2mon_record, pid_ns) !=
		     offsetof(struct mlock2mon_record, ppid) + namespaced);
	if (!account)
		rec->attr |= MLOCK2MON_ATTR_UNTRACKED;
	rec->start_ns = identity->start_ns;
	rec->leader_start_ns = identity->leader_start_ns;
	rec->parent_start_ns = identity->parent_start_ns;
	__builtin_memcpy(&rec->ppid, &identity->ppid, namespaced);
	rec->pid = current->tgid;
	rec->tid = current->pid;
	rec->uid = mlmon_caller_uid();
	rec->cpu = smp_processor_id();
	rec->reserved = 0;
	BUILD_BUG_ON(sizeof(rec->comm) != sizeof(current->comm));
	memcpy(rec->comm, current->comm, sizeof(rec->comm));
}

#endif /* MLMON_CALLER_H */
