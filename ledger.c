// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger: what the records so far say a process has locked, by mm, so that
 * their deltas always add up to what is locked.
 *
 * A call is credited with all that is locked at its return and not yet in the
 * ledger. Whatever of it was there before the call, and by none of its like,
 * comes from something that is not watched, and gets a record of its own.
 *
 * An mm that has nothing locked has no entry. An mm leaves when its process
 * gives it up, before its address can be used again. If that may not have been
 * seen, for kprobes can be switched off, no entry made before is trusted any
 * more: it may be of another mm, that had the same address.
 *
 * Locks: a bucket's, then the pool's. Both are taken by handlers only, with
 * preemption disabled.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include "internal.h"

struct entry {
	struct hlist_node	node;
	const struct mm_struct	*mm;	/* the key; not a reference */
	u64			pages;	/* locked, not 0 */
	u64			era;	/* that this is of */
};

struct mlmon_bucket {
	raw_spinlock_t		lock;
	struct hlist_head	entries;
};

static struct mlmon_bucket *buckets;			/* constant after init */
static unsigned int bucket_bits;		/* constant after init */
static struct entry *pool;			/* constant after init */
static DEFINE_RAW_SPINLOCK(pool_lock);		/* guards the next three */
static HLIST_HEAD(free_entries);
static u64 refused;				/* settlements without an entry, and eras ended */
static u64 era;					/* entries of earlier ones are not trusted */

/**
 * mlmon_ledger_init() - allocate the ledger
 * @entries: processes that have memory locked
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_ledger_init(unsigned int entries)
{
	unsigned int i;

	bucket_bits = max(ilog2(roundup_pow_of_two(entries)), 1);
	buckets = kvcalloc(1UL << bucket_bits, sizeof(*buckets), MLMON_GFP);
	if (!buckets)
		return -ENOMEM;

	pool = mlmon_alloc(array_size(entries, sizeof(*pool)));
	if (!pool)
		goto err_buckets;

	for (i = 0; i < 1U << bucket_bits; i++)
		raw_spin_lock_init(&buckets[i].lock);
	for (i = 0; i < entries; i++)
		hlist_add_head(&pool[i].node, &free_entries);
	return 0;

err_buckets:
	kvfree(buckets);
	return -ENOMEM;
}

/**
 * mlmon_ledger_exit() - free the ledger, if there is one
 *
 * Context: process, may sleep; no handler may run any more.
 */
void mlmon_ledger_exit(void)
{
	vfree(pool);
	kvfree(buckets);
}

static struct mlmon_bucket *bucket_of(const struct mm_struct *mm)
{
	return &buckets[hash_ptr(mm, bucket_bits)];
}

static struct entry *find(struct mlmon_bucket *bucket, const struct mm_struct *mm)
{
	struct entry *entry;

	hlist_for_each_entry(entry, &bucket->entries, node)
		if (entry->mm == mm)
			return entry;
	return NULL;
}

static void add(struct mlmon_bucket *bucket, const struct mm_struct *mm, u64 pages)
{
	struct entry *entry;

	raw_spin_lock(&pool_lock);
	entry = hlist_entry_safe(free_entries.first, struct entry, node);
	if (entry)
		hlist_del(&entry->node);
	else
		WRITE_ONCE(refused, refused + 1);
	raw_spin_unlock(&pool_lock);
	if (!entry)
		return;
	entry->mm = mm;
	entry->pages = pages;
	entry->era = READ_ONCE(era);
	hlist_add_head(&entry->node, &bucket->entries);
}

static void del(struct entry *entry)
{
	hlist_del(&entry->node);
	raw_spin_lock(&pool_lock);
	hlist_add_head(&entry->node, &free_entries);
	raw_spin_unlock(&pool_lock);
}

/* What the records say of @entry, which may be NULL; @unknown if they cannot. */
static u64 pages_of(const struct entry *entry, u64 unknown)
{
	if (entry)
		return entry->era == READ_ONCE(era) ? entry->pages : unknown;
	/* What did not fit cannot be told from what is in no record. */
	return READ_ONCE(refused) ? unknown : 0;
}

/**
 * mlmon_ledger_lock() - lock what is said of an mm
 * @mm: of current
 *
 * Context: preemption disabled until mlmon_ledger_unlock().
 * Return: its place.
 */
struct mlmon_bucket *mlmon_ledger_lock(const struct mm_struct *mm)
	__acquires(&bucket_of(mm)->lock)
{
	struct mlmon_bucket *bucket = bucket_of(mm);

	raw_spin_lock(&bucket->lock);
	return bucket;
}
NOKPROBE_SYMBOL(mlmon_ledger_lock);

/**
 * mlmon_ledger_unlock() - the reverse
 * @bucket: from mlmon_ledger_lock()
 *
 * Context: preemption disabled since mlmon_ledger_lock().
 */
void mlmon_ledger_unlock(struct mlmon_bucket *bucket)
	__releases(&bucket->lock)
{
	raw_spin_unlock(&bucket->lock);
}
NOKPROBE_SYMBOL(mlmon_ledger_unlock);

/**
 * mlmon_ledger_settle() - enter what a call did
 * @bucket: from mlmon_ledger_lock()
 * @mm: of current
 * @racy: other calls on @mm overlapped, and some of what was there before may be theirs
 * @change: before as it was at entry; the rest is the result
 *
 * Context: preemption disabled.
 */
void mlmon_ledger_settle(struct mlmon_bucket *bucket, const struct mm_struct *mm, bool racy,
			 struct mlmon_change *change)
{
	struct entry *entry;
	u64 was;

	entry = find(bucket, mm);
	was = pages_of(entry, change->before);
	change->after = READ_ONCE(mm->locked_vm);
	change->strange = racy ? 0 : change->before - was;
	change->delta = change->after - was - change->strange;
	if (entry && change->after) {
		entry->pages = change->after;
		entry->era = READ_ONCE(era);
	} else if (entry) {
		del(entry);
	} else if (change->after) {
		add(bucket, mm, change->after);
	}
}
NOKPROBE_SYMBOL(mlmon_ledger_settle);

/**
 * mlmon_ledger_maybe() - can there be an entry
 * @mm: of current
 *
 * Context: any.
 * Return: false if there is none; cheaper than to look for it.
 */
bool mlmon_ledger_maybe(const struct mm_struct *mm)
{
	return !hlist_empty(&bucket_of(mm)->entries);
}
NOKPROBE_SYMBOL(mlmon_ledger_maybe);

/**
 * mlmon_ledger_close() - forget an mm that its process gives up
 * @mm: of current
 * @locked: what it has locked, pages
 * @known: what the records say it has
 *
 * Context: preemption disabled.
 * Return: false if there is no entry.
 */
bool mlmon_ledger_close(const struct mm_struct *mm, u64 locked, u64 *known)
{
	struct mlmon_bucket *bucket = bucket_of(mm);
	struct entry *entry;

	raw_spin_lock(&bucket->lock);
	entry = find(bucket, mm);
	*known = pages_of(entry, locked);
	if (entry)
		del(entry);
	raw_spin_unlock(&bucket->lock);
	return entry;
}
NOKPROBE_SYMBOL(mlmon_ledger_close);

/**
 * mlmon_ledger_distrust() - an mm was left unseen
 *
 * Context: preemption disabled.
 */
void mlmon_ledger_distrust(void)
{
	raw_spin_lock(&pool_lock);
	WRITE_ONCE(refused, refused + 1);
	WRITE_ONCE(era, era + 1);
	raw_spin_unlock(&pool_lock);
}
NOKPROBE_SYMBOL(mlmon_ledger_distrust);

/**
 * mlmon_ledger_refused() - how often the ledger was full, or could not be kept
 *
 * Context: any.
 * Return: events after which the sum of deltas may be wrong.
 */
u64 mlmon_ledger_refused(void)
{
	return READ_ONCE(refused);
}
