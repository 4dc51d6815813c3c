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

#define MLMON_HAS_IA32		IS_ENABLED(CONFIG_IA32_EMULATION)

/* The entry points take a pointer to the registers user space came with. */
static inline void mlmon_abi_arguments(enum mlmon_abi abi, struct pt_regs *regs, u64 arg[6])
{
	const struct pt_regs *user = (const struct pt_regs *)regs_get_kernel_argument(regs, 0);

	if (abi == MLMON_ABI_X64) {
		arg[0] = user->di;
		arg[1] = user->si;
		arg[2] = user->dx;
		arg[3] = user->r10;
		arg[4] = user->r8;
		arg[5] = user->r9;
	} else {
		arg[0] = (u32)user->bx;
		arg[1] = (u32)user->cx;
		arg[2] = (u32)user->dx;
		arg[3] = (u32)user->si;
		arg[4] = (u32)user->di;
		arg[5] = (u32)user->bp;
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
