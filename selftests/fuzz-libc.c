// SPDX-License-Identifier: GPL-2.0
/* build: fuzz */
/*
 * Whatever the parameter libc= is, loading fails and leaves nothing, or what it names is
 * probed: calls of the mlock family, at places in the file. The first byte of the input says
 * which probe the kernel refuses; the rest is the parameter.
 */
#include "userkernel.h"
#include <assert.h>
#include <ctype.h>

#define FILE_SIZE	0x200000

/* ---- what wrapper.c wants of the kernel, beside ring.c ---- */

#define pr_err(...)		((void)0)
#define GFP_KERNEL		0
#define LOOKUP_FOLLOW		1
#define kstrdup(text, flags)	strdup(text)
#define kfree(mem)		free(mem)
#define current			(&task)
#define preempt_disable()	((void)0)
#define preempt_enable()	((void)0)
#define ktime_get_boot_fast_ns()	1
#define mlmon_abi_function_argument(regs, n)	((void)(regs), (n))
#define d_real_inode(dentry)	(dentry)
#define i_size_read(inode)	((inode)->size)
#define MLMON_URETPROBE_FILTERED	false
#define MLMON_UPROBE_ARGS	struct uprobe_consumer *consumer, struct pt_regs *regs
#define MLMON_URETPROBE_ARGS	MLMON_UPROBE_ARGS

struct task_struct { struct mm_struct *mm; };
struct inode { long long size; };
struct path { struct inode *mnt, *dentry; };

struct uprobe_consumer {
	int (*handler)(MLMON_UPROBE_ARGS);
	int (*ret_handler)(MLMON_URETPROBE_ARGS);
};

struct mlmon_uprobe {
	struct uprobe_consumer	consumer;
	bool			active;
};

static struct task_struct task;
static struct inode library = { .size = FILE_SIZE };
static unsigned int nr_probes, nr_asked, refused;
static int held;

static int mlmon_uprobe_add(struct mlmon_uprobe *probe, struct inode *inode, loff_t offset)
{
	assert(held && inode == &library && offset >= 0 && offset < FILE_SIZE);
	assert(!probe->active && probe->consumer.handler && probe->consumer.ret_handler);
	if (++nr_asked == refused)
		return -EINVAL;
	probe->active = true;
	nr_probes++;
	return 0;
}

static void mlmon_uprobe_del(struct mlmon_uprobe *probe)
{
	assert(held && probe->active);
	probe->active = false;
	nr_probes--;
}

static int kern_path(const char *name, unsigned int flags, struct path *path)
{
	(void)flags;
	if (*name != '/')
		return -ENOENT;
	held++;
	*path = (struct path){ &library, &library };
	return 0;
}

static void path_put(struct path *path)
{
	assert(path->mnt);
	held--;
}

/* As the kernel's: the whole text, perhaps a + before it and a newline after it. */
static int kstrtoull(const char *text, unsigned int base, unsigned long long *value)
{
	char *end;

	text += *text == '+';
	if (!isxdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, base);
	if (errno || end == text)
		return -EINVAL;
	return end[*end == '\n'] ? -EINVAL : 0;
}

/* Nobody else is there when the module is loaded. */
static __attribute__((unused)) void others(void)
{
}

#include "../wrapper.c"

struct mlmon_account *mlmon_task_find(const struct task_struct *who)
{
	(void)who;
	return NULL;
}

struct mlmon_account *mlmon_task_get(void)
{
	return NULL;
}

bool mlmon_probe_live(void)
{
	return true;
}

void mlmon_record_blocked(struct mlmon_account *account, const struct mlmon_flight *flight)
{
	(void)account;
	(void)flight;
}

void mlmon_count_probe(const char *name, int error)
{
	assert(!strcmp(name, "libc") && !error);
}

static void check_probes(void)
{
	unsigned int i;

	assert(nr_probes == nr_wrappers && nr_wrappers <= MAX_WRAPPERS);
	for (i = 0; i < nr_wrappers; i++)
		assert(wrappers[i].call < MLMON_NR_FAMILY && wrappers[i].probe.active);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *libc;
	int ret;

	if (!size)
		return 0;
	libc = strndup((const char *)data + 1, size - 1);
	refused = data[0];
	nr_asked = 0;
	memset(&place, 0, sizeof(place));
	memset(wrappers, 0, sizeof(wrappers));
	ret = mlmon_wrapper_init(libc);
	check_probes();
	assert(mlmon_wrappers == !ret || !*libc);
	if (ret || !*libc)
		assert(!nr_probes && !held);
	else
		mlmon_wrapper_exit();
	assert(!nr_probes && !held);
	mlmon_wrappers = false;
	free(libc);
	return 0;
}
