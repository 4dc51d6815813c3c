/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How system calls look to a probe: all that depends on the architecture. There is a part
 * for each: two tables, of the ways in and of the functions behind which calls are that
 * lock memory on the way, and how a function's arguments are read.
 */
#ifndef MLMON_ABI_H
#define MLMON_ABI_H

#include <linux/compat.h>
#include <linux/kconfig.h>
#include <linux/ptrace.h>
#include <linux/types.h>

enum mlmon_abi {
	MLMON_ABI_NATIVE,
	MLMON_ABI_COMPAT,	/* of 32-bit programs */
	MLMON_NR_ABIS
};

/* A way in of the mlock family: its functions are called @prefix and the call's name. */
struct mlmon_abi_way {
	const char	*name;
	const char	*prefix;
	bool		present;
};

/* What the arguments of a related call are like; related.c knows what they mean. */
enum mlmon_form {
	MLMON_FORM_MMAP,
	MLMON_FORM_OLD_MMAP,
	MLMON_FORM_MUNMAP,
	MLMON_FORM_MREMAP,
	MLMON_FORM_BRK,
	MLMON_FORM_SHMAT,
	MLMON_FORM_SHMDT,
	MLMON_FORM_SHMCTL,
	MLMON_FORM_IPC,
	MLMON_NR_FORMS
};

struct mlmon_abi_related {
	const char	*symbol;
	enum mlmon_form	form;
	enum mlmon_abi	abi;
};

#if defined(CONFIG_X86_64)

#define MLMON_HAS_COMPAT	IS_ENABLED(CONFIG_IA32_EMULATION)

static const struct mlmon_abi_way mlmon_abi_ways[MLMON_NR_ABIS] __maybe_unused = {
	[MLMON_ABI_NATIVE]	= { "x64", "__x64_sys_", true },
	[MLMON_ABI_COMPAT]	= { "ia32", "__ia32_sys_", MLMON_HAS_COMPAT },
};

static const struct mlmon_abi_related mlmon_abi_related[] __maybe_unused = {
	{ "__x64_sys_mmap",		MLMON_FORM_MMAP },
	{ "__x64_sys_munmap",		MLMON_FORM_MUNMAP },
	{ "__x64_sys_mremap",		MLMON_FORM_MREMAP },
	{ "__x64_sys_brk",		MLMON_FORM_BRK },
	{ "__x64_sys_shmat",		MLMON_FORM_SHMAT },
	{ "__x64_sys_shmdt",		MLMON_FORM_SHMDT },
	{ "__x64_sys_shmctl",		MLMON_FORM_SHMCTL },
	{ "__ia32_sys_mmap_pgoff",	MLMON_FORM_MMAP,	MLMON_ABI_COMPAT },
	{ "__ia32_compat_sys_ia32_mmap", MLMON_FORM_OLD_MMAP,	MLMON_ABI_COMPAT },
	{ "__ia32_sys_munmap",		MLMON_FORM_MUNMAP,	MLMON_ABI_COMPAT },
	{ "__ia32_sys_mremap",		MLMON_FORM_MREMAP,	MLMON_ABI_COMPAT },
	{ "__ia32_sys_brk",		MLMON_FORM_BRK,		MLMON_ABI_COMPAT },
	{ "__ia32_compat_sys_shmat",	MLMON_FORM_SHMAT,	MLMON_ABI_COMPAT },
	{ "__ia32_sys_shmdt",		MLMON_FORM_SHMDT,	MLMON_ABI_COMPAT },
	{ "__ia32_compat_sys_shmctl",	MLMON_FORM_SHMCTL,	MLMON_ABI_COMPAT },
	{ "__ia32_compat_sys_ipc",	MLMON_FORM_IPC,		MLMON_ABI_COMPAT },
};

static inline u64 mlmon_abi_argument(enum mlmon_abi abi, const struct pt_regs *user,
				     unsigned int n)
{
	bool wide = abi == MLMON_ABI_NATIVE;

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

/* Is current in a 32-bit call, the last it made or makes now? */
static inline bool mlmon_abi_in_compat(void)
{
	return in_ia32_syscall();
}

#elif defined(CONFIG_ARM64)

#define MLMON_HAS_COMPAT	IS_ENABLED(CONFIG_COMPAT)

/* 32-bit programs have a table of numbers of their own, of the same functions mostly. */
static const struct mlmon_abi_way mlmon_abi_ways[MLMON_NR_ABIS] __maybe_unused = {
	[MLMON_ABI_NATIVE]	= { "arm64", "__arm64_sys_", true },
};

static const struct mlmon_abi_related mlmon_abi_related[] __maybe_unused = {
	{ "__arm64_sys_mmap",		MLMON_FORM_MMAP },
	{ "__arm64_sys_munmap",		MLMON_FORM_MUNMAP },
	{ "__arm64_sys_mremap",		MLMON_FORM_MREMAP },
	{ "__arm64_sys_brk",		MLMON_FORM_BRK },
	{ "__arm64_sys_shmat",		MLMON_FORM_SHMAT },
	{ "__arm64_sys_shmdt",		MLMON_FORM_SHMDT },
	{ "__arm64_sys_shmctl",		MLMON_FORM_SHMCTL },
	{ "__arm64_compat_sys_aarch32_mmap2", MLMON_FORM_MMAP,	MLMON_ABI_COMPAT },
	{ "__arm64_compat_sys_shmat",	MLMON_FORM_SHMAT,	MLMON_ABI_COMPAT },
	{ "__arm64_compat_sys_old_shmctl", MLMON_FORM_SHMCTL,	MLMON_ABI_COMPAT },
};

/* The registers tell whose they are; the function does not. */
static inline u64 mlmon_abi_argument(enum mlmon_abi abi, const struct pt_regs *user,
				     unsigned int n)
{
	return compat_user_mode(user) ? (u32)user->regs[n] : user->regs[n];
}

/* Arguments of a function in user space, of the native ABI, at its first instruction. */
static inline u64 mlmon_abi_function_argument(const struct pt_regs *regs, unsigned int n)
{
	return regs->regs[n];
}

/* Does current make 32-bit calls? */
static inline bool mlmon_abi_in_compat(void)
{
	return is_compat_task();
}

#else
#error "mlock2mon knows the system calls of x86-64 and arm64 only"
#endif

/* The entry points take a pointer to the registers user space came with. */
static inline const struct pt_regs *mlmon_abi_user(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

#endif /* MLMON_ABI_H */
