// SPDX-License-Identifier: GPL-2.0
/* The options of mlock2mon events that choose records, as a filter for the module. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "choose.h"
#include "libmlock2mon.h"
#include "record.h"

static bool wrong(struct span argument, const char *what)
{
	fprintf(stderr, "mlock2mon: %.*s %s\n", (int)argument.len, argument.at, what);
	return false;
}

static bool number(const char *argument, uint64_t most, uint64_t *value, const char *what)
{
	if (span_u64(span_of(argument), value) && *value <= most)
		return true;
	return wrong(span_of(*argument ? argument : "''"), what);
}

/* Begins at record @since; false, which is told, if that cannot be. */
bool choose_place(struct mlock2mon *device, uint64_t since)
{
	struct mlock2mon_info info;

	if (!mlock2mon_seek(device, MLOCK2MON_SEEK_NUMBER, since))
		return true;
	if (errno != EINVAL || mlock2mon_get_info(device, &info))
		fprintf(stderr, "mlock2mon: cannot go to record %" PRIu64 ": %s\n", since,
			strerror(errno));
	else
		fprintf(stderr, "mlock2mon: there is no record %" PRIu64
			" yet: the next one will be %" PRIu64 "\n", since, (uint64_t)info.next);
	return false;
}

/* --- a list of calls --- */

static bool one_call(struct mlock2mon_filter *filter, struct span name)
{
	unsigned int call;

	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		if (!span_is(name, mlock2mon_call_name(call)))
			continue;
		filter->calls |= 1U << call;
		return true;
	}
	wrong(name.len ? name : span_of("''"), "is not a call. There are:");
	for (call = 0; call < MLOCK2MON_NR_CALLS; call++)
		fprintf(stderr, " %s", mlock2mon_call_name(call));
	fputc('\n', stderr);
	return false;
}

static bool choose_calls(struct mlock2mon_filter *filter, const char *argument)
{
	const char *comma;

	for (;;) {
		comma = strchrnul(argument, ',');
		if (!one_call(filter, (struct span){ argument, comma - argument }))
			return false;
		if (!*comma)
			return true;
		argument = comma + 1;
	}
}

/* --- numbers with a unit --- */

struct unit {
	const char	*name;
	uint64_t	size;
};

static const struct unit byte_units[] = {
	{ "", 1 }, { "K", 1ULL << 10 }, { "M", 1ULL << 20 }, { "G", 1ULL << 30 },
	{ "T", 1ULL << 40 }, { NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { NULL, 0 },
};

static bool amount(const char *argument, const struct unit *unit, uint64_t *value,
		   const char *what)
{
	size_t digits = strspn(argument, "0123456789");

	for (; unit->name; unit++) {
		if (strcmp(argument + digits, unit->name))
			continue;
		if (span_u64((struct span){ argument, digits }, value) &&
		    !__builtin_mul_overflow(*value, unit->size, value))
			return true;
	}
	return wrong(span_of(*argument ? argument : "''"), what);
}

static bool near_bytes(const char *argument, uint64_t *bytes)
{
	if (!number(argument, UINT64_MAX >> 10, bytes, "is not a number of KiB"))
		return false;
	if (!*bytes)
		return wrong(span_of(argument), "KiB is nearer than anything can be");
	*bytes <<= 10;
	return true;
}

static bool read_value(enum choice what, const char *argument, uint64_t *value)
{
	switch (what) {
	case CHOOSE_PID:
		return number(argument, INT32_MAX, value, "is not the number of a process");
	case CHOOSE_UID:
		return number(argument, UINT32_MAX, value, "is not the number of a user");
	case CHOOSE_CGROUP:
		return number(argument, UINT64_MAX, value, "is not the number of a cgroup");
	case CHOOSE_MIN_BYTES:
		return amount(argument, byte_units, value,
			      "is not a size: a number, and K, M, G or T if wanted");
	case CHOOSE_MIN_TIME:
		return amount(argument, time_units, value,
			      "is not a time: a number with ns, us, ms or s");
	case CHOOSE_NEAR:
		return near_bytes(argument, value);
	default:
		return true;
	}
}

static void set_value(struct mlock2mon_filter *filter, enum choice what, uint64_t value)
{
	switch (what) {
	case CHOOSE_PID:
		filter->tgid = value;
		break;
	case CHOOSE_UID:
		filter->uid = value;
		break;
	case CHOOSE_CGROUP:
		filter->cgroup = value;
		break;
	case CHOOSE_MIN_BYTES:
		filter->min_bytes = value;
		break;
	case CHOOSE_MIN_TIME:
		filter->min_dur_ns = value;
		break;
	case CHOOSE_NEAR:
		filter->near_bytes = value;
		break;
	default:
		break;
	}
}

/* Adds an option to a filter; false, and says why, if its argument is none. */
bool choose(struct mlock2mon_filter *filter, enum choice what, const char *argument)
{
	static const uint32_t field[] = {
		[CHOOSE_CALL - CHOOSE_CALL]		= MLOCK2MON_FILTER_CALLS,
		[CHOOSE_PID - CHOOSE_CALL]		= MLOCK2MON_FILTER_TGID,
		[CHOOSE_UID - CHOOSE_CALL]		= MLOCK2MON_FILTER_UID,
		[CHOOSE_CGROUP - CHOOSE_CALL]		= MLOCK2MON_FILTER_CGROUP,
		[CHOOSE_FAILED - CHOOSE_CALL]		= MLOCK2MON_FILTER_FAILURES,
		[CHOOSE_MIN_BYTES - CHOOSE_CALL]	= MLOCK2MON_FILTER_MIN_BYTES,
		[CHOOSE_MIN_TIME - CHOOSE_CALL]		= MLOCK2MON_FILTER_MIN_DUR,
		[CHOOSE_NEAR - CHOOSE_CALL]		= MLOCK2MON_FILTER_NEAR,
	};

	uint64_t value = 0;

	filter->fields |= field[what - CHOOSE_CALL];
	if (what == CHOOSE_CALL)
		return choose_calls(filter, argument);
	if (!read_value(what, argument, &value))
		return false;
	set_value(filter, what, value);
	return true;
}
