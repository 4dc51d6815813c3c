// SPDX-License-Identifier: GPL-2.0
/*
 * floor: the least that a module of mlock2mon's shape can cost. On mlock2() a kprobe, and a
 * kretprobe that keeps 64 bytes from the entry of a call to its return; the handlers do
 * nothing. What a watcher costs more than this is its own doing.
 *
 * As in probe.c, the kprobe is registered last, so that it is the first of the two to run.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>

#define FUNCTION	"__x64_sys_mlock2"

static int on_hit(struct kprobe *kp, struct pt_regs *regs)
{
	return 0;
}
NOKPROBE_SYMBOL(on_hit);

static int on_event(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return 0;
}
NOKPROBE_SYMBOL(on_event);

static struct kprobe entry = {
	.symbol_name	= FUNCTION,
	.pre_handler	= on_hit,
};

static struct kretprobe exit = {
	.kp.symbol_name	= FUNCTION,
	.entry_handler	= on_event,
	.handler	= on_event,
	.data_size	= 64,
	.maxactive	= 512,
};

static int __init floor_init(void)
{
	int ret;

	ret = register_kretprobe(&exit);
	if (ret)
		return ret;
	ret = register_kprobe(&entry);
	if (ret)
		unregister_kretprobe(&exit);
	return ret;
}
module_init(floor_init);

static void __exit floor_exit(void)
{
	unregister_kprobe(&entry);
	unregister_kretprobe(&exit);
}
module_exit(floor_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The mlock2mon developers");
MODULE_DESCRIPTION("Empty probes of mlock2(), to measure what they cost");
