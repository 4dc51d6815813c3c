// SPDX-License-Identifier: GPL-2.0
/*
 * The event ring: many writers, many readers, oldest overwritten, no lock.
 *
 * It lies behind a page with a struct mlock2mon_header, in one area that user
 * space may map to read; what is said here of readers holds for those as well.
 *
 * The first word of a slot is its state as well as the record's number n:
 *   n | BUSY         the record is being filled by the writer of n
 *   n                the record is complete
 *   either | LAPPED  a later writer found the slot busy and gave its record up
 *
 * A writer claims a sequence number, then the slot. It takes the slot only
 * from an older, complete record. If the slot is still busy, a whole ring of
 * records was written while somebody filled one: the late writer marks the
 * slot LAPPED and gives up, so that nothing is torn and nobody waits. If the
 * slot has gone on to a newer record, it gives up too.
 *
 * A reader that wants seq and finds the slot
 *   complete with seq          copies it, then looks whether it is still so
 *   newer                      has lost the record
 *   older and LAPPED           has lost the record
 *   older, or busy with seq    comes back later
 *
 * A writer that takes the slot takes LAPPED away with the old number, unless a
 * later writer has come by meanwhile, who may have left it there: then it gives
 * up as well. Its record would be no longer among the last of the ring anyway.
 *
 * LAPPED does not say by whom. If the ring was lapped twice during one fill, a
 * reader may report a record lost whose writer is just about to take the slot.
 *
 * Ordering, by label:
 *   begin:A / read:A    a number is claimed before its slot is looked at
 *   begin:B / read:C    slot marked busy before its bytes change
 *   begin:A / begin:C   a number is claimed before the slot is marked LAPPED for it,
 *                       against LAPPED seen before later numbers are looked for
 *   end:A   / read:B    bytes complete before the slot carries the plain seq
 *   end:A   / poll:A    record published before sleepers are looked for
 *                       (cmpxchg() is a full barrier), against the barrier in
 *                       wait_event(), and in chardev.c after poll_wait()
 *
 * selftests/ring.pml is a model of all this, with the same labels.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "internal.h"

#define BUSY	MLOCK2MON_SEQ_BUSY
#define LAPPED	MLOCK2MON_SEQ_LAPPED
#define SEQ	(LAPPED - 1)

struct mlmon_ring mlmon_ring;

enum copied {
	COPIED,
	NOT_YET,
	LOST,
};

static void fill_header(struct mlmon_ring *ring, unsigned int records, size_t size, u64 load_id)
{
	struct mlock2mon_header *header = ring->header;

	/* What counts all the time is not beside what never changes. */
	BUILD_BUG_ON(offsetof(struct mlock2mon_header, next) % SMP_CACHE_BYTES);
	BUILD_BUG_ON(sizeof(header->next) != sizeof(*ring->next));

	header->abi = MLOCK2MON_ABI;
	header->record_size = sizeof(*ring->slot);
	header->records = records;
	header->load_id = load_id;
	header->data_offset = PAGE_SIZE;
	header->map_size = size;
	ring->next = (atomic64_t *)&header->next;
	atomic64_set(ring->next, 1);
}

/**
 * mlmon_ring_init() - allocate an empty ring
 * @ring: to set up
 * @records: capacity, a power of two
 * @load_id: what tells this load of the module from others
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_ring_init(struct mlmon_ring *ring, unsigned int records, u64 load_id)
{
	size_t size = PAGE_ALIGN(PAGE_SIZE + records * sizeof(*ring->slot));
	int ret;

	BUILD_BUG_ON(sizeof(*ring->slot) != 192);

	ring->header = mlmon_alloc(size);
	if (!ring->header)
		return -ENOMEM;
	fill_header(ring, records, size, load_id);
	ring->slot = (void *)ring->header + ring->header->data_offset;
	ring->mask = records - 1;
	init_waitqueue_head(&ring->readers);
	atomic_set(&ring->hasty, 0);
	atomic64_set(&ring->dropped, 0);
	ret = mlmon_waker_init(&ring->waker, &ring->readers);
	if (ret)
		vfree(ring->header);
	return ret;
}

/**
 * mlmon_ring_exit() - free a ring
 * @ring: from mlmon_ring_init()
 *
 * Context: process, may sleep; no writer and no reader may run any more.
 */
void mlmon_ring_exit(struct mlmon_ring *ring)
{
	mlmon_waker_exit(&ring->waker);
	vfree(ring->header);
}

static struct mlock2mon_record *slot_of(struct mlmon_ring *ring, u64 seq)
{
	return &ring->slot[seq & ring->mask];
}

/* Has a slot that was LAPPED before @mine came another, later writer? */
static bool overtaken(struct mlmon_ring *ring, u64 mine)
{
	smp_rmb();					/* begin:C, pairs with begin:A */
	return atomic64_read(ring->next) > mine + ring->mask + 1;
}
NOKPROBE_SYMBOL(overtaken);

/* The slot of @mine is not simply free. */
static noinline struct mlmon_claim contend(struct mlmon_ring *ring, u64 mine)
{
	struct mlock2mon_record *slot = slot_of(ring, mine);
	u64 state = READ_ONCE(slot->seq);
	u64 was;

	while ((state & SEQ) < mine) {
		if ((state & (BUSY | LAPPED)) == LAPPED && overtaken(ring, mine))
			break;
		was = cmpxchg(&slot->seq, state,	/* begin:B, pairs with read:C */
			      state & BUSY ? state | LAPPED : mine | BUSY);
		if (was == state && !(state & BUSY))
			return (struct mlmon_claim){ slot, mine };
		if (was == state)
			break;
		state = was;
	}
	atomic64_inc(&ring->dropped);
	return (struct mlmon_claim){ NULL, mine };
}
NOKPROBE_SYMBOL(contend);

/**
 * mlmon_ring_begin() - claim a slot
 * @ring: the ring
 *
 * Context: preemption disabled until mlmon_ring_end().
 * Return: the slot, to be filled except for its seq; or NULL if the record is
 * given up, then mlmon_ring_end() must not be called.
 */
struct mlmon_claim mlmon_ring_begin(struct mlmon_ring *ring)
{
	u64 mine = atomic64_inc_return(ring->next) - 1;	/* begin:A, pairs with read:A */
	struct mlock2mon_record *slot = slot_of(ring, mine);
	u64 state = READ_ONCE(slot->seq);

	/* Neither BUSY nor LAPPED, which would make it more than any number. */
	if (likely(state < mine && cmpxchg(&slot->seq, state, mine | BUSY) == state)) /* begin:B */
		return (struct mlmon_claim){ slot, mine };
	return contend(ring, mine);
}
NOKPROBE_SYMBOL(mlmon_ring_begin);

/**
 * mlmon_ring_end() - publish a filled slot
 * @ring: the ring
 * @claim: from mlmon_ring_begin(), with a slot
 *
 * Context: preemption disabled since mlmon_ring_begin().
 */
void mlmon_ring_end(struct mlmon_ring *ring, struct mlmon_claim claim)
{
	u64 *state = &claim.slot->seq;
	u64 busy = claim.seq | BUSY;

	/* Nobody but its writer takes BUSY away; others may have added LAPPED. */
	if (cmpxchg(state, busy, claim.seq) != busy) {		/* end:A, pairs with read:B */
		/* A cmpxchg() that fails orders nothing. */
		smp_store_release(state, claim.seq | LAPPED);	/* end:A, pairs with read:B */
		smp_mb();					/* end:A, pairs with poll:A */
	}
	/* After end:A, see there. */
	if (waitqueue_active(&ring->readers))
		mlmon_waker_ask(&ring->waker, atomic_read(&ring->hasty));
}
NOKPROBE_SYMBOL(mlmon_ring_end);

/**
 * mlmon_ring_next() - the sequence number the next record will have
 * @ring: the ring
 *
 * Context: any.
 * Return: the number.
 */
u64 mlmon_ring_next(struct mlmon_ring *ring)
{
	return atomic64_read_acquire(ring->next);	/* read:A, pairs with begin:A */
}

/**
 * mlmon_ring_oldest() - the oldest sequence number that may still be there
 * @ring: the ring
 *
 * Context: any.
 * Return: the number; equal to mlmon_ring_next() if there is no record.
 */
u64 mlmon_ring_oldest(struct mlmon_ring *ring)
{
	u64 next = mlmon_ring_next(ring);

	return next > ring->mask + 1 ? next - ring->mask - 1 : 1;
}

static enum copied look(u64 state, u64 seq)
{
	if ((state & SEQ) > seq)
		return LOST;
	if ((state & SEQ) < seq)
		return state & LAPPED ? LOST : NOT_YET;
	return state & BUSY ? NOT_YET : COPIED;
}

/* @seq is below the next number. */
static enum copied copy_record(struct mlmon_ring *ring, u64 seq, struct mlock2mon_record *out)
{
	struct mlock2mon_record *slot = slot_of(ring, seq);
	enum copied found;
	u64 state;

	state = smp_load_acquire(&slot->seq);		/* read:B, pairs with end:A */
	found = look(state, seq);
	if (found != COPIED)
		return found;
	data_race(memcpy(out, slot, sizeof(*out)));	/* checked below */
	smp_rmb();					/* read:C, pairs with begin:B */
	out->seq = seq;
	return READ_ONCE(slot->seq) == state ? COPIED : LOST;
}

/**
 * mlmon_ring_read() - copy the record at a reader's position
 * @ring: the ring
 * @seq: the position; moved past records that are gone, not past the copied one
 * @lost: grows by the number of records passed over
 * @out: the copy
 *
 * A caller that was told of a loss must report it before the record.
 *
 * Context: any.
 * Return: true if @out is the record at @seq. False if that one is not there
 * yet, or if a loss should be reported first because writers are fast.
 */
bool mlmon_ring_read(struct mlmon_ring *ring, u64 *seq, u64 *lost, struct mlock2mon_record *out)
{
	u64 next = mlmon_ring_next(ring);

	if (next > *seq + ring->mask + 1) {
		*lost += next - ring->mask - 1 - *seq;
		*seq = next - ring->mask - 1;
	}
	if (*seq >= next)
		return false;
	switch (copy_record(ring, *seq, out)) {
	case COPIED:
		return true;
	case LOST:
		*lost += 1;
		*seq += 1;
		return false;
	default:
		return false;
	}
}

/**
 * mlmon_ring_readable() - is there anything to report at a position
 * @ring: the ring
 * @seq: the position
 *
 * Context: any.
 * Return: true if a record or a loss can be read.
 */
bool mlmon_ring_readable(struct mlmon_ring *ring, u64 seq)
{
	if (seq < mlmon_ring_oldest(ring))
		return true;
	if (seq >= mlmon_ring_next(ring))
		return false;
	return look(READ_ONCE(slot_of(ring, seq)->seq), seq) != NOT_YET;
}

/**
 * mlmon_ring_lost() - is the record at a position gone
 * @ring: the ring
 * @seq: the position
 *
 * Context: any.
 * Return: true if what is to be read next is a loss.
 */
bool mlmon_ring_lost(struct mlmon_ring *ring, u64 seq)
{
	if (seq < mlmon_ring_oldest(ring))
		return true;
	if (seq >= mlmon_ring_next(ring))
		return false;
	return look(READ_ONCE(slot_of(ring, seq)->seq), seq) == LOST;
}

/**
 * mlmon_ring_hasten() - how many readers want to be woken at once
 * @ring: the ring
 * @more: one reader more or one less
 *
 * Context: any.
 */
void mlmon_ring_hasten(struct mlmon_ring *ring, bool more)
{
	if (more)
		atomic_inc(&ring->hasty);
	else
		atomic_dec(&ring->hasty);
}

/**
 * mlmon_ring_wake() - let those who sleep look again
 * @ring: the ring
 *
 * For a reader that changed what a thread sleeping on the same file waits for.
 *
 * Context: process.
 */
void mlmon_ring_wake(struct mlmon_ring *ring)
{
	if (wq_has_sleeper(&ring->readers))
		wake_up_interruptible_all(&ring->readers);
}

/**
 * mlmon_ring_page() - a page of a mapping
 * @ring: the ring
 * @index: of the page
 *
 * Context: any.
 * Return: the page, without a reference of its own; NULL if there are not so many.
 */
struct page *mlmon_ring_page(struct mlmon_ring *ring, unsigned long index)
{
	if (index >= ring->header->map_size >> PAGE_SHIFT)
		return NULL;
	return vmalloc_to_page((void *)ring->header + (index << PAGE_SHIFT));
}
