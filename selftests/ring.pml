/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of ring.c, to be checked by spin. selftests/model.sh runs it, and the
 * mutants below it, each of which must be caught.
 *
 * RECORDS records are written into a ring of SLOTS, by WRITERS at a time, so that writers
 * lap others that stand still between any two steps. A body is two words, written one
 * after the other, and copied one after the other in either order. One reader follows from the first
 * record on, sleeps when there is nothing, and must end with
 *	each record delivered once, in order and whole, or reported lost;
 *	delivered + lost = RECORDS;
 *	nobody asleep or waiting for ever (no invalid end state), and, checked by a run
 *	of its own, no way for the reader to go round for ever without getting on.
 *
 * Promela steps are sequentially consistent. What a barrier of ring.c forbids, a mutant
 * does, by its two accesses in the wrong order or one of them left out:
 *	NO_BUSY		begin:B	a writer takes a slot that is still being filled
 *	NO_LAPPED	begin:B	it gives up, and does not say so in the slot
 *	NO_OVERTAKEN	begin:C	a writer takes LAPPED away that a later one has set
 *	EARLY_NEXT	begin:C	whether there is a later one is read before the state
 *	LATE_BEGIN	begin:B	a byte changes before the slot is marked busy
 *	EARLY_END	end:A	the plain number is there before the last byte is
 *	BLIND_END	end:A	the number is stored without a look at LAPPED
 *	EARLY_COPY	read:B	a byte is copied before the state is read
 *	NO_RECHECK	read:C	the state is not read again after the copy
 *	EARLY_RECHECK	read:C	the state is read again before the last byte is copied
 *	EARLY_LOOK	end:A	sleepers are looked for before the record is published
 *	LATE_QUEUE	poll:A	the ring is looked at before the reader is on the queue
 *
 * begin:A with read:A has none: a state that is older than the number is taken for "not
 * yet", and looked at again. Not covered: orders of more than these pairs of accesses at once, as weak machines
 * have them; numbers that wrap at 62 bits; several readers, who only read and so cannot
 * meet; a writer that dies in between, which cannot be, for preemption is off.
 */
#ifndef SLOTS
#define SLOTS	2
#endif
#ifndef WRITERS
#define WRITERS	3
#endif
#ifndef RECORDS
#define RECORDS	5
#endif

#define BUSY	64
#define LAPPED	32
#define SEQ	31

byte next = 1;			/* the number the next record will have */
byte state[SLOTS];		/* the first word of a slot */
byte body0[SLOTS];		/* two more */
byte body1[SLOTS];
byte writing;
bool queued;			/* the reader is on the wait queue */
bool woken;

#define slot(n)		((n) % SLOTS)

/* waitqueue_active() and what follows; the lock of the queue makes it one step. */
inline wake()
{
	d_step {
		if
		:: queued -> woken = true
		:: else
		fi
	}
}

/*
 * One record. Between two records a writer is like any other, so that it need not be
 * the same process that goes on. The loop around cmpxchg() is one step where nothing
 * but the state decides: what counts is the state that it finds when it succeeds.
 */
proctype writer(byte mine)
{
	byte seen, known;
	bool took;

	atomic {
		next == mine && writing < WRITERS;
		next++;				/* begin:A */
		writing++
	}
#ifdef LATE_BEGIN
	if
	:: !(state[slot(mine)] & BUSY) && (state[slot(mine)] & SEQ) < mine ->
		body0[slot(mine)] = mine
	:: else
	fi;
#endif
again:
	skip;
#ifdef EARLY_NEXT
	known = next;
#endif
	d_step {				/* begin:B */
		seen = 0;
		if
		:: (state[slot(mine)] & SEQ) > mine
#ifndef NO_BUSY
		:: (state[slot(mine)] & SEQ) < mine && (state[slot(mine)] & BUSY) ->
#ifndef NO_LAPPED
			state[slot(mine)] = state[slot(mine)] | LAPPED
#else
			skip
#endif
#endif
#ifndef NO_OVERTAKEN
		:: (state[slot(mine)] & SEQ) < mine && !(state[slot(mine)] & BUSY) &&
		   (state[slot(mine)] & LAPPED) ->
			seen = state[slot(mine)]
#endif
		:: else ->
			state[slot(mine)] = mine | BUSY;
			took = true
		fi
	}
	if
	:: seen ->
#ifndef EARLY_NEXT
		known = next;			/* begin:C */
#endif
		if
		:: known > mine + SLOTS
		:: else ->
			d_step {
				if
				:: state[slot(mine)] == seen ->
					state[slot(mine)] = mine | BUSY;
					took = true
				:: else
				fi
			}
			if
			:: !took -> goto again
			:: else
			fi
		fi;
		d_step { seen = 0; known = 0 }
	:: else
	fi;
	if
	:: took ->
#ifdef EARLY_LOOK
		wake();
#endif
		body0[slot(mine)] = mine;
#ifndef EARLY_END
		body1[slot(mine)] = mine;
#endif
#ifdef BLIND_END
		state[slot(mine)] = mine;
#else
		d_step {			/* end:A */
			if
			:: state[slot(mine)] == (mine | BUSY) ->
				state[slot(mine)] = mine;
				took = false
			:: else
			fi
		}
		if
		:: took -> state[slot(mine)] = mine | LAPPED
		:: else
		fi;
#endif
#ifdef EARLY_END
		body1[slot(mine)] = mine;
#endif
#ifndef EARLY_LOOK
		wake()
#endif
	:: else
	fi;
	writing--
}

#define COPIED	0
#define NOT_YET	1
#define GONE	2

/* look() of ring.c */
inline judge(word, n, result)
{
	d_step {
		if
		:: (word & SEQ) > n -> result = GONE
		:: (word & SEQ) < n && (word & LAPPED) -> result = GONE
		:: (word & SEQ) < n && !(word & LAPPED) -> result = NOT_YET
		:: (word & SEQ) == n && (word & BUSY) -> result = NOT_YET
		:: (word & SEQ) == n && !(word & BUSY) -> result = COPIED
		fi
	}
}

inline copy(n)
{
	if
	:: word0 = body0[slot(n)]; word1 = body1[slot(n)]
	:: word1 = body1[slot(n)]; word0 = body0[slot(n)]
	fi
}

/* mlmon_ring_readable(): what lets a reader not sleep. */
inline look(n, yes)
{
	known = next;				/* read:A */
	if
	:: n >= known -> yes = false
	:: else ->
		if
		:: known > SLOTS && n < known - SLOTS -> yes = true
		:: else ->
			before = state[slot(n)];
			judge(before, n, found);
			yes = found != NOT_YET
		fi
	fi
}

proctype reader()
{
	byte at = 1, known, before, after, word0, word1, found;
	byte delivered, lost, last;
	bool something;

	do
	:: at > RECORDS -> break
	:: else ->
		known = next;			/* read:A */
		if
		:: known > SLOTS && at < known - SLOTS ->
			lost = lost + (known - SLOTS - at);
			at = known - SLOTS
		:: else
		fi;
		found = NOT_YET;
		if
		:: at >= known -> goto nothing
		:: else
		fi;
#ifdef EARLY_COPY
		word0 = body0[slot(at)];
#endif
		before = state[slot(at)];	/* read:B */
		judge(before, at, found);
		if
		:: found == COPIED ->
#ifdef EARLY_RECHECK
			word0 = body0[slot(at)];
			after = state[slot(at)];
			word1 = body1[slot(at)];
#else
#ifdef EARLY_COPY
			word1 = body1[slot(at)];
#else
			copy(at);
#endif
#ifdef NO_RECHECK
			after = before;
#else
			after = state[slot(at)];	/* read:C */
#endif
#endif
			if
			:: after == before ->
				assert(word0 == at && word1 == at);	/* whole, and the one */
				assert(at > last);			/* once, in order */
				last = at;
				delivered++
			:: else -> lost++
			fi;
progress:
			at++
		:: found == GONE -> lost++;
progress_lost:
			at++
		:: found == NOT_YET -> goto nothing
		fi;
		goto again;
nothing:
		/* wait_event(): on the queue, look, and sleep until woken. */
#ifdef LATE_QUEUE
		look(at, something);
		queued = true;
		woken = false;
#else
		woken = false;
		queued = true;			/* poll:A */
		look(at, something);
#endif
		if
		:: something
		:: else ->
			woken			/* blocks until it is true */
		fi;
		queued = false;
again:
		skip;
		d_step { known = 0; before = 0; after = 0; word0 = 0; word1 = 0; found = 0;
			something = false }
	od;
	assert(delivered + lost == RECORDS)
}

init {
	atomic {
		byte i;

		for (i : 1 .. RECORDS) {
			run writer(i)
		}
		run reader()
	}
}
