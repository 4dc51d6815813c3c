// SPDX-License-Identifier: GPL-2.0
/* build: fuzz */
/*
 * Any facts must give a verdict, and one that keeps what enum mlock2mon_why promises of
 * its reason and its number. The input is a struct mlmon_facts.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "why.h"

#define MOST_PAGES	(1ULL << 45)	/* more than any address space has */

/* What the module can know: numbers of pages are not more than there can be. */
static void make_possible(struct mlmon_facts *f)
{
	static const __s64 ret[] = { 0, -EINVAL, -EPERM, -ENOMEM, -EAGAIN, -EINTR, -EFAULT };
	__u64 need;

	if (f->ret & 1)
		f->ret = ret[(__u64)f->ret / 2 % (sizeof(ret) / sizeof(ret[0]))];
	f->call %= MLOCK2MON_NR_CALLS;
	f->populated %= MLMON_POPULATE_YES + 1;
	f->page_shift = 12 + 2 * (f->page_shift % 3);
	f->before %= MOST_PAGES;
	f->after %= MOST_PAGES;
	f->total_vm %= MOST_PAGES;
	need = mlmon_page_len(f) >> f->page_shift;
	f->overlap = need ? f->overlap % (need + 1) : 0;
	f->measured = f->measured && f->looked;
}

static bool is_success_reason(__u8 why)
{
	return why == MLOCK2MON_WHY_NONE || why == MLOCK2MON_WHY_ALREADY ||
	       why == MLOCK2MON_WHY_EMPTY || why == MLOCK2MON_WHY_UNLOCKABLE;
}

/* A reason belongs to the errors that it can have. */
static void check_error(const struct mlmon_facts *f, const struct mlmon_verdict *v)
{
	assert(is_success_reason(v->why) == (f->ret >= 0));
	if (v->why == MLOCK2MON_WHY_FLAGS || v->why == MLOCK2MON_WHY_RANGE)
		assert(f->ret == -EINVAL);
	if (v->why == MLOCK2MON_WHY_FLAGS)
		assert(!mlmon_flags_valid(f));
	if (v->why == MLOCK2MON_WHY_PERM)
		assert(f->ret == -EPERM);
	if (v->why == MLOCK2MON_WHY_KILLED)
		assert(f->ret == -EINTR);
	if (v->why == MLOCK2MON_WHY_HOLE || v->why == MLOCK2MON_WHY_MAPS)
		assert(f->ret == -ENOMEM);
	if (v->why == MLOCK2MON_WHY_LIMIT)
		assert(f->ret == -ENOMEM || f->ret == -EAGAIN);
}

/* What is over the limit, for calls on a range: its pages are too few to wrap, its bytes not. */
static void check_excess(const struct mlmon_facts *f, const struct mlmon_verdict *v)
{
	__u64 most = ~0ULL >> f->page_shift;
	__u64 over = (mlmon_page_len(f) >> f->page_shift) + f->before -
		     (f->measured ? f->overlap : 0) - (f->limit >> f->page_shift);

	assert(v->detail && v->detail == (over < most ? over : most) << f->page_shift);
}

static void check_number(const struct mlmon_facts *f, const struct mlmon_verdict *v)
{
	if (v->why == MLOCK2MON_WHY_MAPS)
		assert(v->detail == f->max_map_count && v->detail);
	else if (v->why != MLOCK2MON_WHY_LIMIT)
		assert(!v->detail);
	else if (f->call <= MLOCK2MON_MUNLOCK)
		check_excess(f, v);
	else if (f->call == MLOCK2MON_MLOCKALL)
		assert(v->detail || v->likely);
}

static bool is_bool(size_t at)
{
	static const size_t bools[] = {
		offsetof(struct mlmon_facts, cap), offsetof(struct mlmon_facts, shared),
		offsetof(struct mlmon_facts, asks), offsetof(struct mlmon_facts, looked),
		offsetof(struct mlmon_facts, measured), offsetof(struct mlmon_facts, hole),
		offsetof(struct mlmon_facts, future_changed),
	};
	size_t i;

	for (i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
		if (bools[i] == at)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mlmon_facts facts = { 0 };
	struct mlmon_verdict v, again;

	/* A bool is 0 or 1 whatever the input says. */
	memcpy(&facts, data, size < sizeof(facts) ? size : sizeof(facts));
	for (size_t i = 0; i < sizeof(facts); i++) {
		if (is_bool(i))
			((uint8_t *)&facts)[i] &= 1;
	}
	make_possible(&facts);
	v = mlmon_why(&facts);
	again = mlmon_why(&facts);
	assert(v.why == again.why && v.likely == again.likely && v.detail == again.detail);
	assert(v.why < MLOCK2MON_NR_WHYS);
	check_error(&facts, &v);
	check_number(&facts, &v);
	return 0;
}
