// SPDX-License-Identifier: GPL-2.0
/*
 * A look at the memory map of current without its lock, which sleeps.
 *
 * The tree of mappings may be read under RCU, and alone tells where mappings
 * begin and end. The flags of a mapping are in memory that may be freed under
 * the reader's hands on some kernels, namely those without per-VMA locks;
 * there they are read by a copy that cannot fault, and believed only if nobody
 * else uses the mm; if others do, the holes are all that is known.
 *
 * Before there was such a tree, mappings were in one that only the lock protects, and in
 * a list. Nobody changes it while current, which is here, is the only user of the mm; who
 * comes in between may, so every mapping is copied, which cannot fault, the steps are
 * counted, and what was seen is believed only if current was alone before and after.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "internal.h"

#define MAX_MAPPINGS	128	/* looked at; keeps a handler short */

static bool is_alone(struct mm_struct *mm)
{
	return atomic_read(&mm->mm_users) <= 1;
}

#ifdef MM_MT_FLAGS

/* The first kernels with a tree free its nodes at once. */
static bool can_look(struct mm_struct *mm)
{
	return MM_MT_FLAGS & MT_FLAGS_USE_RCU;
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

	map->measured = true;
	for (budget = MAX_MAPPINGS; next < end; budget--) {
		if (!budget)
			return false;
		vma = mas_find(&mas, end - 1);
		if (!vma || mas.index > next)
			map->hole = true;
		if (!vma)
			return true;
		map->measured = map->measured && read_flags(mm, vma, &flags);
		if (map->measured && flags & VM_LOCKED)
			map->locked += min(mas.last, end - 1) - max(mas.index, start) + 1;
		next = mas.last + 1;
	}
	return true;
}

#else

static bool can_look(struct mm_struct *mm)
{
	return is_alone(mm);
}

static bool copy_mapping(struct vm_area_struct *copy, const struct vm_area_struct *vma)
{
	return !copy_from_kernel_nofault(copy, vma, sizeof(*copy));
}

/* The first mapping that ends behind @addr, NULL if none does. False if it cannot be told. */
static bool first_mapping(struct mm_struct *mm, unsigned long addr,
			  const struct vm_area_struct **first)
{
	const struct rb_node *node = READ_ONCE(mm->mm_rb.rb_node);
	const struct vm_area_struct *vma;
	struct vm_area_struct copy;
	int budget;

	*first = NULL;
	for (budget = MAX_MAPPINGS; node; budget--) {
		vma = rb_entry(node, struct vm_area_struct, vm_rb);
		if (!budget || !copy_mapping(&copy, vma))
			return false;
		if (copy.vm_end > addr) {
			*first = vma;
			node = copy.vm_rb.rb_left;
		} else {
			node = copy.vm_rb.rb_right;
		}
	}
	return true;
}

static bool look(struct mm_struct *mm, unsigned long start, unsigned long end,
		 struct mlmon_map *map)
{
	const struct vm_area_struct *vma;
	struct vm_area_struct copy;
	unsigned long next = start;
	int budget;

	if (!first_mapping(mm, start, &vma))
		return false;
	for (budget = MAX_MAPPINGS; next < end; budget--) {
		if (!vma) {
			map->hole = true;
			break;
		}
		if (!budget || !copy_mapping(&copy, vma) || copy.vm_end <= next)
			return false;
		if (copy.vm_start > next)
			map->hole = true;
		if (copy.vm_flags & VM_LOCKED && copy.vm_start < end)
			map->locked += min(copy.vm_end, end) - max(copy.vm_start, start);
		next = copy.vm_end;
		vma = copy.vm_next;
	}
	map->measured = is_alone(mm);
	return map->measured;
}

#endif

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
	if (!can_look(mm) || start + len <= start)
		return;
	map->alone = is_alone(mm);
	rcu_read_lock();
	map->known = look(mm, start, start + len, map);
	map->measured = map->measured && map->known;
	rcu_read_unlock();
	map->alone = map->alone && is_alone(mm);
}
