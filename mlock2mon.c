// SPDX-License-Identifier: GPL-2.0
/*
 * The life of the module: parameters, the order of init and exit.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/random.h>
#include "compat.h"
#include "internal.h"

#define MAX_TASKS_LOW		16
#define MAX_TASKS_HIGH		1048576
#define RING_RECORDS_LOW	64
#define RING_RECORDS_HIGH	4194304
#define MAXACTIVE_LOW		1
#define MAXACTIVE_HIGH		16384
#define NEAR_KB_HIGH		1073741824

static unsigned int max_tasks = 4096;
module_param(max_tasks, uint, 0444);
MODULE_PARM_DESC(max_tasks, "accounts kept, one a live task that made a call (16 to 1048576, default 4096)");

static unsigned int ring_records = 32768;
module_param(ring_records, uint, 0444);
MODULE_PARM_DESC(ring_records, "records of 192 bytes kept for readers (power of two, 64 to 4194304, default 32768)");

static unsigned int maxactive = 512;
module_param(maxactive, uint, 0444);
MODULE_PARM_DESC(maxactive, "calls of one kind seen inside the kernel at once (1 to 16384, default 512)");

static bool related;
module_param(related, bool, 0444);
MODULE_PARM_DESC(related, "also watch mmap, munmap, mremap, brk, shmat, shmdt, shmctl, exec and stacks where they lock memory or give it back (0 or 1, default 0)");

static bool collapse = true;
module_param(collapse, bool, 0444);
MODULE_PARM_DESC(collapse, "one record for failures that repeat a task's last one exactly (0 or 1, default 1)");

static unsigned int near_kb;
module_param(near_kb, uint, 0444);
MODULE_PARM_DESC(near_kb, "report why=near_limit when a success leaves less below RLIMIT_MEMLOCK (KiB, 0 to 1073741824, 0 is off, default 0)");

static char *libc = "";
module_param(libc, charp, 0444);
MODULE_PARM_DESC(libc, "also watch wrappers of this C library: PATH:NAME=OFFSET[,NAME=OFFSET...], NAME a call of the mlock family, OFFSET in the file, bytes (default none)");

bool mlmon_related;
bool mlmon_collapse;
u64 mlmon_near_bytes;

static int check_range(const char *name, unsigned int value, unsigned int low, unsigned int high)
{
	if (value >= low && value <= high)
		return 0;
	pr_err("%s=%u is out of range: %u to %u\n", name, value, low, high);
	return -EINVAL;
}

static int check_parameters(void)
{
	int ret;

	ret = check_range("max_tasks", max_tasks, MAX_TASKS_LOW, MAX_TASKS_HIGH);
	if (ret)
		return ret;
	ret = check_range("ring_records", ring_records, RING_RECORDS_LOW, RING_RECORDS_HIGH);
	if (ret)
		return ret;
	if (!is_power_of_2(ring_records)) {
		pr_err("ring_records=%u is not a power of two from %u to %u\n", ring_records,
		       RING_RECORDS_LOW, RING_RECORDS_HIGH);
		return -EINVAL;
	}
	ret = check_range("near_kb", near_kb, 0, NEAR_KB_HIGH);
	if (ret)
		return ret;
	return check_range("maxactive", maxactive, MAXACTIVE_LOW, MAXACTIVE_HIGH);
}

static void __init no_memory(const char *name, unsigned int value)
{
	pr_err("%s=%u: there is not so much memory\n", name, value);
}

static int __init mlmon_init(void)
{
	u64 load_id = get_random_u64();
	int ret;

	ret = check_parameters();
	if (ret)
		return ret;
	mlmon_related = related;
	mlmon_collapse = collapse;
	mlmon_near_bytes = (u64)near_kb << 10;

	ret = mlmon_count_init();
	if (ret)
		goto err_told;

	ret = mlmon_task_init(max_tasks);
	if (ret) {
		no_memory("max_tasks", max_tasks);
		goto err_count;
	}

	ret = mlmon_ledger_init(related ? max_tasks : 1);
	if (ret) {
		no_memory("max_tasks", max_tasks);
		goto err_task;
	}

	ret = mlmon_ring_init(&mlmon_ring, ring_records, load_id);
	if (ret) {
		no_memory("ring_records", ring_records);
		goto err_ledger;
	}

	ret = mlmon_procfs_init(load_id);
	if (ret)
		goto err_ring;

	ret = mlmon_life_init();		/* before there are accounts to close */
	if (ret)
		goto err_procfs;

	ret = mlmon_probe_init(maxactive);	/* events flow from here on */
	if (ret)
		goto err_life;

	ret = mlmon_related_init(maxactive);
	if (ret)
		goto err_probe;

	ret = mlmon_wrapper_init(libc);
	if (ret)
		goto err_related;

	/*
	 * Last, for nothing may fail after it: a file opened meanwhile would
	 * outlive the module, which a failed load takes away at once.
	 */
	ret = mlmon_chardev_init();
	if (ret)
		goto err_wrapper;

	pr_info("version %s loaded\n", MLOCK2MON_VERSION);
	return 0;

err_wrapper:
	mlmon_wrapper_exit();
err_related:
	mlmon_related_exit();
err_probe:
	mlmon_probe_exit();
err_life:
	mlmon_life_exit();
err_procfs:
	mlmon_procfs_exit();
err_ring:
	mlmon_ring_exit(&mlmon_ring);
err_ledger:
	mlmon_ledger_exit();
err_task:
	mlmon_task_exit();
err_count:
	mlmon_count_exit();
err_told:
	pr_err("not loaded: %d\n", ret);
	return ret;
}

static void tell_missed(void)
{
	struct mlmon_call_counts sum;
	u64 missed = 0;
	int call;

	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		mlmon_count_sum(call, &sum);
		missed += mlmon_count_missed(&sum);
	}
	if (missed)
		pr_info("unloaded; the results of %llu calls were missed\n", missed);
}

static void __exit mlmon_exit(void)
{
	mlmon_chardev_exit();
	mlmon_wrapper_exit();
	mlmon_related_exit();
	mlmon_probe_exit();
	mlmon_life_exit();
	mlmon_procfs_exit();
	tell_missed();
	mlmon_ring_exit(&mlmon_ring);
	mlmon_ledger_exit();
	mlmon_task_exit();
	mlmon_count_exit();
}

module_init(mlmon_init);
module_exit(mlmon_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The mlock2mon developers");
MODULE_DESCRIPTION("Who locks memory, how much, how long it takes and why it fails");
MODULE_VERSION(MLOCK2MON_VERSION);
