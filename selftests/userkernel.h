/* SPDX-License-Identifier: GPL-2.0 */
/*
 * userkernel.h: as much of the kernel as ring.c and wrapper.c need to be compiled in user
 * space, where one thread runs. Before each access to what others change at the same time
 * it calls others(), of the program that includes it: there they may do so. fuzz.sh makes
 * empty headers of the names that user space has not got.
 */
#ifndef USERKERNEL_H
#define USERKERNEL_H

#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define __KERNEL__
#define KBUILD_MODNAME	"mlock2mon"

static void others(void);

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;

#define __percpu
#define NOKPROBE_SYMBOL(function)
#define noinline		__attribute__((noinline))
#define likely(condition)	(condition)
#define BUILD_BUG_ON(condition)	_Static_assert(!(condition), #condition)
#define container_of(at, type, member)	((type *)((char *)(at) - offsetof(type, member)))

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_ALIGN(size)	(((size) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define SMP_CACHE_BYTES		64
#define TASK_COMM_LEN		16

/* ---- what internal.h wants to know the size of */

struct mm_struct;
struct page;
struct task_struct;
struct pt_regs;
struct kretprobe_instance;
struct list_head { void *next; };
struct hlist_node { void *next; };
struct rcu_head { void *next; };
struct kprobe { int nothing; };
struct kretprobe { int nothing; };
typedef struct { int nothing; } seqcount_t;
typedef struct { bool sleepers; } wait_queue_head_t;
struct irq_work { int nothing; };
struct work_struct { int nothing; };
struct hrtimer { int nothing; };
struct workqueue_struct;

#define capable(what)		true

/* ---- abi.h, compat.h */

#define MLMON_ABI_H
#define MLMON_COMPAT_H

enum mlmon_abi { MLMON_ABI_NATIVE };

/* ---- memory that others change */

typedef struct { int value; } atomic_t;
typedef struct { s64 value; } atomic64_t;

#define READ_ONCE(at)		({ others(); (at); })
#define WRITE_ONCE(at, new)	((at) = (new))
#define smp_load_acquire(at)	({ others(); *(at); })
#define smp_store_release(at, new)	({ others(); *(at) = (new); })
#define smp_mb()		others()
#define smp_rmb()		others()
#define data_race(expression)	({ expression; })
#define cmpxchg(at, old, new)	({					\
	typeof(*(at)) was;						\
									\
	others();							\
	was = *(at);							\
	if (was == (old))						\
		*(at) = (new);						\
	was; })

#define atomic_set(at, new)	((at)->value = (new))
#define atomic_read(at)		((at)->value)
#define atomic_inc(at)		((at)->value++)
#define atomic_dec(at)		((at)->value--)
#define atomic64_set(at, new)	((at)->value = (new))
#define atomic64_read(at)	({ others(); (at)->value; })
#define atomic64_read_acquire(at)	atomic64_read(at)
#define atomic64_inc(at)	((at)->value++)
#define atomic64_inc_return(at)	({ others(); ++(at)->value; })

/* ---- memory, sleepers */

#define GFP_KERNEL		0
#define __GFP_ZERO		1
#define __GFP_NORETRY		0
#define __GFP_NOWARN		0

static inline void *__vmalloc(size_t size, int flags)
{
	void *mem = aligned_alloc(PAGE_SIZE, size);

	return mem && flags & __GFP_ZERO ? memset(mem, 0, size) : mem;
}

#define si_mem_available()	1000000L
#define vfree(mem)		free(mem)
#define vmalloc_to_page(at)	((struct page *)(at))
#define init_waitqueue_head(queue)	((queue)->sleepers = false)
#define waitqueue_active(queue)	((queue)->sleepers)
#define wq_has_sleeper(queue)	((queue)->sleepers)
#define wake_up_interruptible_all(queue)	((queue)->sleepers = false)
#endif /* USERKERNEL_H */
