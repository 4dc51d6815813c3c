/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the architecture's system calls look to a probe: which ways in there
 * are, what their functions are called, where their arguments are.
 */
#ifndef MLMON_ABI_H
#define MLMON_ABI_H

#include <linux/kconfig.h>
#include <linux/ptrace.h>
#include <linux/types.h>

enum mlmon_abi {
	MLMON_ABI_X64,
	MLMON_ABI_IA32,
	MLMON_NR_ABIS
};

#ifndef CONFIG_X86_64
#error "mlock2mon knows the system calls of x86-64 only"
#endif

#define MLMON_HAS_IA32		IS_ENABLED(CONFIG_IA32_EMULATION)

/* The entry points take a pointer to the registers user space came with. */
static inline const struct pt_regs *mlmon_abi_user(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

static inline u64 mlmon_abi_argument(enum mlmon_abi abi, const struct pt_regs *user,
				     unsigned int n)
{
	bool wide = abi == MLMON_ABI_X64;

	switch (n) {
	case 0:
		return wide ? user->di : (u32)user->bx;
	case 1:
		return wide ? user->si : (u32)user->cx;
	case 2:
		return wide ? user->dx : (u32)user->dx;
	case 3:
		return wide ? user->r10 : (u32)user->si;
	case 4:
		return wide ? user->r8 : (u32)user->di;
	default:
		return wide ? user->r9 : (u32)user->bp;
	}
}

/* Arguments of a function in user space, of the native ABI, at its first instruction. */
static inline u64 mlmon_abi_function_argument(const struct pt_regs *regs, unsigned int n)
{
	switch (n) {
	case 0:
		return regs->di;
	case 1:
		return regs->si;
	default:
		return regs->dx;
	}
}

#endif /* MLMON_ABI_H */
