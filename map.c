// SPDX-License-Identifier: GPL-2.0
/*
 * A look at the memory map of current without its lock, which sleeps.
 *
 * The tree of mappings may be read under RCU, and alone tells where mappings
 * begin and end. The flags of a mapping are in memory that may be freed under
 * the reader's hands on some kernels, namely those without per-VMA locks;
 * there they are read by a copy that cannot fault, and believed only if nobody
 * else uses the mm.
 *
 * Kernels whose map is not such a tree give no answer.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "internal.h"

#if defined(MM_MT_FLAGS) && defined(MT_FLAGS_USE_RCU)

#define MAX_MAPPINGS	128	/* looked at; keeps a handler short */

static bool is_alone(struct mm_struct *mm)
{
	return atomic_read(&mm->mm_users) <= 1;
}

/* False if the flags cannot be known. */
static bool read_flags(struct mm_struct *mm, const struct vm_area_struct *vma,
		       unsigned long *flags)
{
#ifdef CONFIG_PER_VMA_LOCK
	*flags = READ_ONCE(vma->vm_flags);
	return true;
#else
	return !copy_from_kernel_nofault(flags, &vma->vm_flags, sizeof(*flags)) && is_alone(mm);
#endif
}

static bool look(struct mm_struct *mm, unsigned long start, unsigned long end,
		 struct mlmon_map *map)
{
	MA_STATE(mas, &mm->mm_mt, start, start);
	const struct vm_area_struct *vma;
	unsigned long next = start;
	unsigned long flags;
	int budget;

	for (budget = MAX_MAPPINGS; next < end; budget--) {
		if (!budget)
			return false;
		vma = mas_find(&mas, end - 1);
		if (!vma || mas.index > next)
			map->hole = true;
		if (!vma)
			return true;
		if (!read_flags(mm, vma, &flags))
			return false;
		if (flags & VM_LOCKED)
			map->locked += min(mas.last, end - 1) - max(mas.index, start) + 1;
		next = mas.last + 1;
	}
	return true;
}

/**
 * mlmon_map_look() - what is mapped and locked in a range
 * @mm: of current
 * @start: of the range, page aligned
 * @len: of the range, page aligned, bytes
 * @map: the result
 *
 * Context: any; bounded, takes no lock.
 */
void mlmon_map_look(struct mm_struct *mm, u64 start, u64 len, struct mlmon_map *map)
{
	memset(map, 0, sizeof(*map));
	/* The first kernels with a tree free its nodes at once. */
	if (!(MM_MT_FLAGS & MT_FLAGS_USE_RCU) || start + len <= start)
		return;
	map->alone = is_alone(mm);
	rcu_read_lock();
	map->known = look(mm, start, start + len, map);
	rcu_read_unlock();
	map->alone = map->alone && is_alone(mm);
}

#else

void mlmon_map_look(struct mm_struct *mm, u64 start, u64 len, struct mlmon_map *map)
{
	memset(map, 0, sizeof(*map));
}

#endif
